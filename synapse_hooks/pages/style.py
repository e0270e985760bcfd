"""The CSS of the pages, for light and dark schemes."""

from typing import Final

STYLE: Final = """
:root {
  color-scheme: light dark;
  --page: #f5f4f1; --card: #ffffff; --ink: #1c2026; --soft: #565d68; --line: #dedbd4; --ground: #eeece7;
  --bar: #2f6fb5; --bar-soft: #2f6fb51f;
  --s0: #2f6fb5; --s1: #e08a1e; --s2: #2b9a78; --s3: #a65aa8; --s4: #8a8f98;
  --error: #b3261e; --error-ground: #fbe9e7; --warning: #8a5300; --warning-ground: #fdf0d9;
  --note: #3c5a78; --note-ground: #e6eef6; --good: #1c6e4a; --good-ground: #e2f3ea;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171c; --card: #1d2128; --ink: #e8eaed; --soft: #a3abb7; --line: #343a44; --ground: #272c35;
    --bar: #6ba7e8; --bar-soft: #6ba7e822;
    --s0: #6ba7e8; --s1: #f0a849; --s2: #52c39d; --s3: #cf8fd1; --s4: #8a919c;
    --error: #ff9d94; --error-ground: #44201e; --warning: #f5c16c; --warning-ground: #3d2f16;
    --note: #a9c8e8; --note-ground: #22303f; --good: #86d9b0; --good-ground: #1b3529;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 28px 20px 48px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 40px 0 12px; }
h3 { font-size: 15px; margin: 0 0 8px; }
.grid + h3 { margin-top: 22px; }
p { margin: 0 0 8px; }
.soft, footer { color: var(--soft); }
header p { overflow-wrap: anywhere; margin: 4px 0 20px; }
a { color: var(--bar); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(128px, 1fr)); gap: 10px; margin: 0; }
.facts div, .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.facts div { padding: 12px 14px; }
.facts dt { color: var(--soft); font-size: 13px; }
.facts dd { margin: 0; font-size: 21px; font-weight: 600; white-space: nowrap; font-variant-numeric: tabular-nums; }
.card { padding: 16px; min-width: 0; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 350px), 1fr)); gap: 14px; }
.plots figure { margin: 0; display: flex; flex-direction: column; }
figcaption { font-weight: 600; margin-bottom: 6px; }
details { margin-top: 8px; }
summary { cursor: pointer; color: var(--soft); font-size: 13px; }
svg { display: block; width: 100%; height: auto; }
svg .bar { fill: var(--bar); }
svg .target { fill: transparent; }
svg g:hover > .target { fill: var(--bar-soft); }
svg .grid, svg .axis, svg .outline { stroke: var(--line); fill: none; stroke-width: 1; }
svg .grid { stroke-dasharray: 3 4; }
svg .axis { stroke: var(--soft); }
svg .outline { opacity: .55; }
svg .label { fill: var(--soft); font-size: 12px; }
svg .middle { text-anchor: middle; }
svg .end { text-anchor: end; }
svg .ground { fill: var(--ground); }
svg .heat { fill: var(--bar); }
svg .bubbles circle { fill: var(--bar); fill-opacity: .45; stroke: var(--bar); }
svg.square { width: 210px; max-width: 100%; margin: 0 auto; border-radius: 4px; }
svg.stack { width: 100%; min-width: 110px; height: 12px; border-radius: 3px; }
.s0 { fill: var(--s0); background: var(--s0); } .s1 { fill: var(--s1); background: var(--s1); }
.s2 { fill: var(--s2); background: var(--s2); } .s3 { fill: var(--s3); background: var(--s3); }
.s4 { fill: var(--s4); background: var(--s4); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 0 0 8px; font-size: 13px; }
.legend i { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 6px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; }
.wide table { width: 100%; }
th, td { text-align: left; padding: 4px 14px 4px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 500; font-size: 13px; }
th.n { text-align: right; }
td { overflow-wrap: anywhere; min-width: 76px; }
td.soft { min-width: 130px; }
td.n { min-width: 0; text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.plot { width: 34%; vertical-align: middle; }
td.name { min-width: 90px; unicode-bidi: isolate; }
.problems { display: grid; gap: 8px; padding: 0; margin: 0; list-style: none; }
.problems li { border-left: 5px solid; padding: 10px 14px; }
.problems .error { border-left-color: var(--error); }
.problems .warning { border-left-color: var(--warning); }
.problems .note { border-left-color: var(--note); }
.problems .good { border-left-color: var(--good); }
.badge {
  display: inline-block; font-size: 12px; font-weight: 600; border-radius: 5px; padding: 1px 7px; margin-right: 6px;
}
.badge.error { color: var(--error); background: var(--error-ground); }
.badge.warning { color: var(--warning); background: var(--warning-ground); }
.badge.note { color: var(--note); background: var(--note-ground); }
.badge.good { color: var(--good); background: var(--good-ground); }
.badge.split { color: var(--soft); background: var(--ground); }
.toggles { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 0 0 12px; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 265px), 1fr)); gap: 14px; }
.grid figure { margin: 0; padding: 0; overflow: hidden; }
.grid figcaption { font-weight: 400; font-size: 13px; padding: 8px 12px 10px; margin: 0; }
.grid .file { display: block; overflow-wrap: anywhere; unicode-bidi: isolate; margin-bottom: 3px; }
.grid .badge { margin-bottom: 2px; }
svg.picture { aspect-ratio: 4 / 3; height: auto; background: var(--ground); }
.shapes { filter: drop-shadow(0 0 1px rgb(0 0 0 / .9)); stroke-width: 1.8; stroke-linejoin: round; }
.area { fill-opacity: .14; }
.mask { fill-opacity: .5; stroke: none; }
.line, .ring { fill: none; }
.ring { stroke-width: 2; }
.joint { stroke: #fff; stroke-width: .8; }
.dashed { stroke-dasharray: 5 3; }
.names text {
  font: 600 10.5px system-ui, sans-serif; stroke: rgb(0 0 0 / .8); stroke-width: 2.6; paint-order: stroke;
}
body:has(#no-shapes:not(:checked)) .shapes, body:has(#no-names:not(:checked)) .names { display: none; }
footer { margin-top: 40px; font-size: 13px; }
@media (max-width: 600px) {
  main { padding: 18px 12px 32px; } h1 { font-size: 23px; } td.plot { width: 26%; }
  th, td { padding-right: 10px; }
}
"""
