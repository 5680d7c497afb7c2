import { html } from './draw-html.ts';

/**
 * The style of all drawings. Every name begins with `rc-`, since a widget shares its page with others. Colours are a pair for light and
 * dark each, chosen by `color-scheme`: blue, vermilion, purple, amber and teal after Okabe and Ito, which people who do not tell red
 * from green tell apart, darkened or lightened until texts in them have a contrast of 4.5 with what is behind them.
 * @see https://jfly.uni-koeln.de/color/
 */
export const STYLE = html`<style>
.rc{
  --bg:light-dark(#fff,#161d26);
  --fg:light-dark(#16202c,#e6ebf1);
  --dim:light-dark(#55626f,#a3b1c0);
  --line:light-dark(#e3e8ed,#2d3845);
  --panel:light-dark(#f6f8fa,#1c2530);
  --ok:light-dark(#0f5fa8,#74b9f2);
  --ok-tint:light-dark(#e8f1fa,#17293b);
  --bad:light-dark(#a63a00,#ff9f63);
  --bad-tint:light-dark(#fdece1,#3b2417);
  --gone:light-dark(#86306e,#e8a0d4);
  --gone-tint:light-dark(#f8eaf4,#35213a);
  --unread:light-dark(#6a5100,#e8cb55);
  --unread-tint:light-dark(#fbf3d3,#322c14);
  --moving:light-dark(#006557,#62d2ba);
  --moving-tint:light-dark(#e0f3ee,#12302c);
  --dim-tint:light-dark(#f0f3f6,#202a35);
  box-sizing:border-box;
  container-type:inline-size;
  background:var(--bg);
  color:var(--fg);
  font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
  font-variant-numeric:tabular-nums;
  padding:20px 20px 12px;
  overflow-wrap:anywhere;
  text-align:left;
  print-color-adjust:exact;
  -webkit-print-color-adjust:exact;
}
.rc-light{color-scheme:light}
.rc-dark{color-scheme:dark}
.rc-auto{color-scheme:light dark;padding:0}
.rc *{box-sizing:border-box}
.rc p,.rc ul,.rc ol,.rc h1,.rc h2,.rc h3{margin:0;padding:0;list-style:none}
.rc section{margin:0 0 36px}
.rc h1{font-size:16px;font-weight:650}
.rc h2,.rc h3{font-size:16px;font-weight:600;line-height:1.3;margin:0 0 14px}
.rc small{font-size:13px;font-weight:400;color:var(--dim)}
.rc-dim{color:var(--dim);font-size:13px}
.rc-name{font-weight:600;unicode-bidi:isolate;display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:2;overflow:hidden}
.rc-g{width:16px;height:16px;flex:none;fill:none;stroke:currentColor;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}
.rc-defs{position:absolute}
.rc-lead{font-size:26px;line-height:1.25;font-weight:400;letter-spacing:-.01em}
.rc-lead b{font-weight:650}
.rc-share{display:flex;gap:2px;height:10px;margin:18px 0 10px;border-radius:5px;overflow:hidden}
.rc-share i{min-width:4px}
.rc-dot-ok{background:var(--ok)}
.rc-dot-bad{background:var(--bad)}
.rc-dot-unread{background:var(--unread)}
.rc-dot-moving{background:var(--moving)}
.rc .rc-counts{display:flex;flex-wrap:wrap;gap:4px 20px;font-size:13px}
.rc-counts li{display:flex;align-items:center;gap:6px}
.rc-counts i{width:10px;height:10px;border-radius:3px}
.rc .rc-warnings{margin-top:16px;display:grid;gap:6px}
.rc-warnings li{display:flex;gap:8px;padding:8px 12px;border-radius:6px;background:var(--unread-tint);color:var(--unread);font-size:13px}
.rc-warnings .rc-g{margin-top:2px}
.rc-title{display:flex;flex-wrap:wrap;justify-content:space-between;gap:8px;margin-bottom:14px;align-items:center}
.rc .rc-title :is(h2,h3){margin:0}
.rc .rc-button{font:inherit;font-size:12px;line-height:1.4;padding:3px 10px;border:1px solid var(--ok);border-radius:14px;background:var(--bg);color:var(--ok);cursor:pointer;white-space:nowrap}
.rc .rc-button:hover{background:var(--ok-tint)}
.rc cwdb-action{display:none}
.rc-scroll{overflow:auto;max-height:1500px;container-type:inline-size;--rc-first:210px;--rc-cell:116px}
.rc :focus-visible{outline:2px solid var(--ok);outline-offset:2px}
.rc .rc-matrix{border-collapse:collapse;table-layout:fixed;width:100%;min-width:calc(var(--rc-first) + var(--rc-n)*var(--rc-cell));font-size:13px;line-height:inherit;color:inherit;border:0;background:none}
.rc-matrix th,.rc-matrix td{border:0;border-top:1px solid var(--line);padding:8px 6px;background:none;color:inherit;vertical-align:middle;text-align:left;font-weight:400}
.rc-matrix thead th{border-top:0;padding:0 4px 8px;position:sticky;top:0;background:var(--bg);z-index:1;color:var(--dim);font-size:12px;line-height:1.3;vertical-align:bottom;text-align:center}
.rc-matrix thead th:not(:first-child){width:var(--rc-cell)}
.rc-matrix th:first-child{text-align:left;padding-left:12px;position:sticky;left:0;z-index:1;background:var(--bg)}
.rc-matrix thead th:first-child{z-index:2}
.rc-matrix .rc-v-bad{box-shadow:inset 3px 0 var(--bad)}
.rc-matrix .rc-v-moving{box-shadow:inset 3px 0 var(--moving)}
.rc-matrix .rc-v-unread{box-shadow:inset 3px 0 var(--unread)}
.rc-matrix tbody th>*{margin-right:8px}
.rc-matrix .rc-v-ok .rc-name{display:inline}
.rc-verdict{color:var(--dim);font-size:12px}
.rc-mark{display:inline-block;font-size:11px;line-height:1.4;padding:1px 7px;border-radius:9px;background:var(--dim-tint);color:var(--dim)}
.rc-matrix tbody td:not([colspan]){padding:4px}
.rc-cell{display:flex;align-items:center;justify-content:center;gap:5px;border-radius:6px;padding:5px 2px;font-size:12px;line-height:1.3}
.rc-c-ok{color:var(--ok)}
.rc-c-bad{color:var(--bad)}
.rc-c-gone{color:var(--gone)}
.rc-c-unread{color:var(--unread)}
.rc-c-moving{color:var(--moving)}
.rc-c-dim{color:var(--dim)}
.rc-cell.rc-c-bad{background:var(--bad-tint);font-weight:600}
.rc-cell.rc-c-gone{background:var(--gone-tint);font-weight:600}
.rc-cell.rc-c-unread{background:var(--unread-tint)}
.rc-cell.rc-c-moving{background:var(--moving-tint)}
.rc-matrix .rc-why td{border-top:0;padding:0 6px 10px 12px;font-size:13px}
.rc-why td>div{position:sticky;left:12px;max-width:calc(100cqw - 18px);display:flex;flex-wrap:wrap;gap:6px 12px;justify-content:space-between;align-items:flex-start}
.rc-why details,.rc-why p{flex:1 1 200px;min-width:0;color:var(--dim)}
.rc-why .rc-silence{flex-basis:100%;order:1}
.rc-why b{color:var(--fg);font-weight:600}
.rc-why summary{cursor:pointer}
.rc-why em{font-style:normal;color:var(--ok);white-space:nowrap}
.rc .rc-why ul{padding:6px 0 0 16px;display:grid;gap:3px}
.rc-axis text{font:12px/1 system-ui,sans-serif;fill:var(--dim)}
.rc svg{display:block;overflow:visible}
.rc-calendar{margin-bottom:14px;border-bottom:1px solid var(--line);padding-bottom:6px}
.rc-grid{stroke:var(--line)}
.rc-target{stroke:var(--fg);stroke-dasharray:3 2;stroke-width:1.5}
.rc-unseen{fill:var(--dim);opacity:.6}
.rc-bar{stroke-width:1}
.rc-fill-ok{fill:var(--ok)}
.rc-fill-bad{fill:var(--bad)}
.rc-fill-moving{fill:var(--moving)}
.rc-fill-unread{fill:var(--unread)}
.rc-fill-gone{fill:var(--gone)}
.rc-fill-dim{fill:var(--dim)}
.rc-edge-bad{stroke:var(--bad)}
.rc-edge-gone{stroke:var(--gone)}
.rc-edge-unread{stroke:var(--unread)}
.rc-edge-dim{stroke:var(--dim)}
.rc-tint-bad{fill:var(--bad-tint)}
.rc-tint-gone{fill:var(--gone-tint)}
.rc-tint-unread{fill:var(--unread-tint)}
.rc-tint-dim{fill:var(--dim-tint)}
[class^=rc-ink]{fill:none;stroke-width:1.6;stroke-linecap:round}
.rc-ink-bad{stroke:var(--bad)}
.rc-ink-gone{stroke:var(--gone)}
.rc-ink-unread{stroke:var(--unread);stroke-width:3}
.rc-ink-dim{stroke:var(--dim);stroke-width:1}
.rc-reached-mark{fill:var(--bg);stroke:var(--fg);stroke-width:2}
.rc-lane{display:grid;gap:4px 28px;padding:12px 0;border-top:1px solid var(--line)}
div.rc-lane{border:0;padding:16px 0 4px}
.rc-lane-head{display:flex;flex-wrap:wrap;align-items:center;gap:2px 12px;min-width:0}
.rc-outcome{display:inline-flex;align-items:center;gap:5px;font-size:13px;font-weight:600}
.rc .rc-reached{display:flex;flex-wrap:wrap;gap:2px 16px;font-size:12px;color:var(--dim);min-width:0;margin-top:2px}
.rc-reached b{color:var(--fg);font-weight:600}
.rc .rc-levels{display:grid;grid-template-columns:repeat(auto-fill,minmax(190px,1fr));gap:12px}
.rc-levels li{background:var(--panel);border-radius:10px;padding:14px 16px}
.rc-level-name{font-size:13px}
.rc-level-value{display:flex;align-items:baseline;justify-content:space-between;gap:8px}
.rc-level-value b{white-space:nowrap;font-size:22px;font-weight:600;line-height:1.5}
.rc-level-value span{white-space:nowrap;display:inline-flex;gap:4px;font-size:13px;font-weight:600}
.rc-level-value .rc-g{align-self:center}
.rc-levels .rc-dim{font-size:12px}
.rc .rc-runs{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,320px),1fr));gap:12px}
.rc-runs li{background:var(--panel);border-radius:10px;padding:14px 16px;min-width:0;display:grid;gap:6px}
.rc-run-head{display:flex;flex-wrap:wrap;gap:2px 10px;align-items:baseline}
.rc-run-head .rc-outcome{margin-left:auto}
.rc-track{fill:var(--line)}
.rc-foot{border-top:1px solid var(--line);padding-top:12px;font-size:12px}
.rc-page{max-width:1180px;margin:0 auto;min-height:100vh;padding:32px 32px 24px}
.rc-page>h1{margin-bottom:28px}
.rc article{margin:0 0 44px}
.rc article>h2{font-size:20px}
@container (min-width:880px){
  .rc-lane{grid-template-columns:minmax(0,30%) minmax(0,1fr)}
  .rc-lane-head{flex-direction:column;align-items:flex-start}
}
@container (max-width:879px){
  .rc-scroll{--rc-cell:98px}
}
@container (max-width:620px){
  .rc-scroll{--rc-first:116px;--rc-cell:50px}
  .rc-matrix thead th{font-size:10px;padding:0 1px 8px}
  .rc .rc-matrix tbody td:not([colspan]){padding:4px 1px}
  .rc-cell{flex-direction:column;gap:1px;font-size:10px;padding:5px 0}
  .rc-lead{font-size:22px}
}
@media (max-width:620px){
  .rc-page{padding:20px 12px}
}
@media print{
  .rc{color-scheme:light;padding:0}
  .rc li,.rc tr,.rc-headline{break-inside:avoid}
  .rc-button{display:none}
  .rc cwdb-action{display:none}
  .rc-scroll{overflow:visible;max-height:none}
  .rc details::details-content{content-visibility:visible;block-size:auto}
}
</style>`;
