/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/report/html_parts.h"

#include <stddef.h>

/*
 * Colours are told apart without red and green (the palette of Okabe and Ito, lighter where the
 * page is dark), and each loss has a pattern of its own beside its colour. No '<' and no '&': the
 * sheet is in XML.
 */
/* clang-format off */
const char *const html_style[] = {
    ":root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#59636e;--line:#d5dae0;--soft:#f4f6f8;",
    "--good:#00664d;--loss:#8a4600;--bad:#a3173f;--inspected:#3f8fc8;--ring-full:#d55e00;--no-worker:#b6568f;",
    "--abandoned:#7b7b7b;--quarantined:#1b1f24;--bypassed:#009e73;--kernel-drops:#e69f00;",
    "--interface-drops:#d9c800;--under-way:#8c9bab;--flows:#009e73}",
    "@media (prefers-color-scheme:dark){:root{--bg:#15191e;--fg:#e6e9ec;--dim:#9aa5b1;--line:#38414b;",
    "--soft:#1e242b;--good:#4fd1a8;--loss:#f5b461;--bad:#ff8fa8;--inspected:#4b9ad1;--ring-full:#f0772b;",
    "--no-worker:#d98fba;--abandoned:#a3a3a3;--quarantined:#e6e9ec;--bypassed:#2fc497;--kernel-drops:#e6a91e;",
    "--interface-drops:#e8dc4a;--under-way:#8c9bab;--flows:#2fc497}}",
    "*{box-sizing:border-box}",
    "body{margin:0 auto;max-width:1120px;padding:16px;background:var(--bg);color:var(--fg);",
    "font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}",
    "h1{font-size:26px;line-height:1.2;margin:8px 0 0;overflow-wrap:anywhere}",
    "h2{font-size:19px;margin:36px 0 8px;padding-top:12px;border-top:1px solid var(--line)}",
    "h3{font-size:15px;margin:20px 0 0;font-weight:600}",
    "p{margin:8px 0}.sub,.note,summary{color:var(--dim);font-size:14px}",
    ".verdict{font-size:17px;padding:10px 14px;background:var(--soft);border-left:6px solid;border-radius:4px}",
    ".verdict.good{border-color:var(--good)}.verdict.loss{border-color:var(--loss)}.verdict.bad{border-color:var(--bad)}",
    ".sign{font-weight:700;margin-right:6px}.good .sign{color:var(--good)}.loss .sign{color:var(--loss)}",
    ".bad .sign{color:var(--bad)}",
    ".tiles{list-style:none;padding:0;display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:8px;margin:12px 0}",
    ".tiles li{background:var(--soft);border-radius:4px;padding:8px 12px}.tiles span{display:block;font-size:13px;color:var(--dim)}",
    ".tiles b{font-size:20px;font-weight:600;font-variant-numeric:tabular-nums}",
    ".legend{list-style:none;display:flex;flex-wrap:wrap;gap:2px 20px;margin:6px 0;padding:0;font-size:14px}",
    ".swatch{margin-right:6px;vertical-align:-1px}.bar{display:block;border-radius:4px}",
    /* Graphs: the words are around the drawing, in the padding. */
    ".frame{padding:26px 10px 24px 58px}.frame.small{padding:16px 2px 2px}.frame.rows{padding:8px 12px 24px 172px}",
    "svg.plot{display:block;width:100%;overflow:visible}svg.plot svg{overflow:hidden}",
    "svg text{font-size:12px;fill:var(--dim);font-variant-numeric:tabular-nums}",
    "text.y{text-anchor:end}text.x,text.mark{text-anchor:middle}text.first{text-anchor:start}text.last{text-anchor:end}",
    ".grid,.tick{stroke:var(--line);stroke-width:1}",
    ".line{fill:none;stroke-width:1.5;vector-effect:non-scaling-stroke}.hit{fill:transparent}",
    ".hit:hover{fill:var(--fg);fill-opacity:.12}",
    "line.mark{stroke:var(--dim);stroke-width:1;stroke-dasharray:2 3}",
    "line.mark.warning{stroke:var(--loss);stroke-dasharray:5 3}line.mark.error{stroke:var(--bad);stroke-dasharray:none}",
    "text.mark{font-size:11px}text.mark.warning{fill:var(--loss);font-weight:700}",
    "text.mark.error{fill:var(--bad);font-weight:700}.small text.mark{font-size:10px}",
    ".thin{stroke:var(--dim);stroke-width:1.5}.thick{stroke:var(--inspected);stroke-width:8}",
    ".half{fill:var(--bg);stroke:var(--fg);stroke-width:2}.end{stroke:var(--fg);stroke-width:2}",
    ".area.inspected,.line.inspected{fill:var(--inspected);stroke:var(--inspected)}",
    ".area.under-way,.line.under-way{fill:var(--under-way);stroke:var(--under-way)}",
    ".area.flows,.line.flows{fill:var(--flows);stroke:var(--flows)}",
    ".area{stroke-width:0}.area.flows,.frame .area.under-way{fill-opacity:.45}.area.faint{fill-opacity:.35}",
    ".line.inspected,.line.under-way,.line.flows{fill:none;stroke-width:1.5}",
    ".many{display:grid;grid-template-columns:repeat(auto-fit,minmax(160px,1fr));gap:14px 20px}",
    "figure{margin:0;break-inside:avoid}figcaption{font-weight:600}figcaption span{font-weight:400;color:var(--dim)}",
    ".over{display:flex;justify-content:space-between;margin:2px 0 0;font-size:13px;color:var(--dim)}",
    ".over b{color:var(--fg);font-weight:600;font-variant-numeric:tabular-nums}",
    /* Tables: what is too wide moves in its own box, not with the page. */
    ".wide{overflow-x:auto;margin:8px 0}table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}",
    "th,td{padding:4px 12px 4px 0;text-align:right;border-bottom:1px solid var(--line);vertical-align:top;white-space:nowrap}",
    "thead th{color:var(--dim);font-weight:500;vertical-align:bottom}tbody th{font-weight:600}",
    "th.text,td.text{text-align:left}td.text{overflow-wrap:anywhere}",
    ".counters td.text{white-space:normal;min-width:180px}.events td.text{white-space:normal;min-width:220px}",
    "td.text:last-child{white-space:normal}th.group{padding-top:16px;color:var(--dim);font-weight:500}",
    "td.share{min-width:80px;width:120px;vertical-align:middle}",
    ".events td,.events th{text-align:left}.narrow{display:none}",
    ".number{display:inline-block;min-width:22px;padding:0 5px;border:1px solid;border-radius:11px;text-align:center;font-size:12px}",
    "td.warning .number{color:var(--loss);border-radius:2px;font-weight:700}td.error .number{color:var(--bg);background:var(--bad);border-radius:0}",
    "summary{cursor:pointer;margin-top:8px}footer{margin-top:36px;color:var(--dim);font-size:13px}",
    "@media (max-width:640px){text.odd,line.odd{display:none}.frame{padding-left:46px}.frame.rows{padding-left:150px}",
    ".counters td.text{min-width:110px}.tiles,.many{grid-template-columns:1fr 1fr}.events thead{display:none}.narrow{display:inline}.events tr{display:block;padding:6px 0;border-bottom:1px solid var(--line)}",
    ".events td{display:inline-block;border:0;padding:0 10px 0 0}.events td.text{display:block;min-width:0}.events .wide{overflow:visible}}",
    "@media print{:root{color-scheme:light}body{max-width:none;font-size:11px;print-color-adjust:exact;-webkit-print-color-adjust:exact}",
    "section{break-inside:auto}h2,h3{break-after:avoid}.frame,tr,.legend,.verdict{break-inside:avoid}",
    ".wide{overflow:visible}th,td{padding-right:8px;white-space:normal}td.text{overflow-wrap:normal}table{font-size:10px}details{display:none}}",
    NULL,
};
/* clang-format on */
