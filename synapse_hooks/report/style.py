"""The CSS of reports, besides that of all pages."""

from typing import Final

STYLE: Final = """
:root {
  --c0: #2f6fb5; --c1: #d97706; --c2: #1f9d6b; --c3: #a13fa6; --c4: #c0342b; --c5: #0e94a8; --c6: #7a6a1f;
  --c7: #6b7280;
}
@media (prefers-color-scheme: dark) {
  :root {
    --c0: #6ba7e8; --c1: #f0a849; --c2: #52c39d; --c3: #d38fd8; --c4: #ff8a7f; --c5: #4fd0e3; --c6: #cfc06a;
    --c7: #a3abb7;
  }
}
.facts dd { white-space: normal; overflow-wrap: anywhere; font-size: 18px; }
.attempt + .card, .card > * + h3, .card > * + details, .card > .scroll + .facts, .facts + .scroll { margin-top: 14px; }
.note { border-left: 3px solid var(--bar); padding-left: 10px; white-space: pre-wrap; }
pre { margin: 0 0 10px; font: 14px/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
.badge { white-space: nowrap; } .badge.best { margin-left: 6px; }
.facts.compact { grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); margin-bottom: 14px; }
.facts.compact dd { font-size: 16px; }
.card > .scroll + p { margin-top: 8px; }
.results > .card + .card { margin-top: 14px; }
.share { background: linear-gradient(var(--bar-soft), var(--bar-soft)) no-repeat right / var(--share) 100%; }
.classes th[scope=row] { color: var(--ink); font-size: 14px; }
.confusion th, .confusion td { text-align: center; padding: 3px 6px; border: 1px solid var(--line); }
.confusion td { white-space: nowrap; min-width: 34px; height: 30px; vertical-align: middle; }
.confusion td { font-variant-numeric: tabular-nums; }
.confusion th[scope=row] { text-align: right; white-space: nowrap; }
.confusion .corner { font-weight: 400; white-space: nowrap; }
.confusion .right { background: color-mix(in srgb, var(--c2) var(--strength, 0%), transparent); }
.confusion .wrong { background: color-mix(in srgb, var(--c1) var(--strength, 0%), transparent); }
img { display: block; max-width: 100%; height: auto; }
.images figure { margin: 0; padding: 0; overflow: hidden; }
.images figcaption { font-weight: 400; font-size: 13px; padding: 8px 12px; margin: 0; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); gap: 14px; }
.pair + .pair { margin-top: 14px; }
.samples { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 300px), 1fr)); gap: 14px; }
.images h3 + div { margin-bottom: 18px; }
.small { font-size: 13px; margin: 6px 0 0; }
.failure { border-left: 5px solid; }
.failure.error { border-left-color: var(--error); } .failure.warning { border-left-color: var(--warning); }
.failure pre { font-weight: 600; }
.messages { list-style: none; padding: 0; margin: 0; font-size: 14px; }
.messages li { display: flex; gap: 8px; align-items: baseline; padding: 2px 0; }
.messages .time { font-variant-numeric: tabular-nums; font-size: 13px; }
.messages .text { white-space: pre-wrap; overflow-wrap: anywhere; min-width: 0; }
.attempt > summary { color: var(--ink); font-size: 14px; }
.attempt .plot { width: 46%; min-width: 120px; padding: 8px 14px 4px 0; }
.span { height: 12px; border-radius: 3px; background: var(--soft); }
.span.good { background: var(--c2); } .span.error { background: var(--error); }
.span.warning { background: var(--c1); } .span.note { background: var(--c0); } .span.training { background: var(--c0); }
.attempt td.name { white-space: nowrap; }
.attempt td.inner { white-space: normal; }
td.inner { padding-left: 18px; color: var(--soft); }
.names-list { margin: 12px 0 0; } .names-list .badge { margin-bottom: 4px; }
.swatch { display: inline-block; width: 22px; height: 10px; margin-right: 6px; vertical-align: middle; }
.plots { grid-template-columns: repeat(auto-fill, minmax(min(100%, 380px), 1fr)); }
.curve { fill: none; stroke-width: 1.7; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.dashed { stroke-dasharray: 5 3; }
.mark { stroke: var(--card); stroke-width: 1; }
.point circle { opacity: 0; }
.point:hover circle { opacity: 1; }
.c0 { fill: var(--c0); } .c1 { fill: var(--c1); } .c2 { fill: var(--c2); } .c3 { fill: var(--c3); }
.c4 { fill: var(--c4); } .c5 { fill: var(--c5); } .c6 { fill: var(--c6); } .c7 { fill: var(--c7); }
.curve.c0 { stroke: var(--c0); } .curve.c1 { stroke: var(--c1); } .curve.c2 { stroke: var(--c2); }
.curve.c3 { stroke: var(--c3); } .curve.c4 { stroke: var(--c4); } .curve.c5 { stroke: var(--c5); }
.curve.c6 { stroke: var(--c6); } .curve.c7 { stroke: var(--c7); }
path.curve { fill: none; }
.compared th[scope=row] { font-weight: 500; white-space: nowrap; }
.compared td { min-width: 90px; }
header .card { margin-top: 14px; }
nav { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 16px 0 0; font-size: 14px; }
.run { margin-top: 28px; border-top: 1px solid var(--line); padding-top: 14px; }
.run > summary { font-size: 16px; color: var(--ink); }
:focus-visible { outline: 2px solid var(--bar); outline-offset: 2px; }
@media print {
  nav { display: none; }
  :root { color-scheme: light; }
  main { max-width: none; padding: 0; }
  .card, figure, tr { break-inside: avoid; }
  details::details-content { content-visibility: visible; height: auto; }
  .scroll { overflow: visible; }
}
"""
