"""It breaks by itself."""

raise RuntimeError('the licence of acme-broken has expired')
