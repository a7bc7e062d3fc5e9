/// The look of the report: one accent, system fonts, light or dark as the reader's system is.
enum ReportStyle {
    static let css = """
        :root {
          --page: #f6f7f9; --card: #ffffff; --ink: #1c2430; --muted: #5d6878; --line: #e1e5eb;
          --accent: #2f6f9f; --track: #edf1f5; --warn: #a8431f; --warn-card: #fdf3ee;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #12161c; --card: #1a2029; --ink: #e4e9f0; --muted: #97a3b4; --line: #2b3441;
            --accent: #6fb1e0; --track: #232b36; --warn: #f0a07c; --warn-card: #2a1f1a;
          }
        }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--page); color: var(--ink);
          font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
        main { max-width: 1120px; margin: 0 auto; padding: 40px 20px 56px; }
        header { margin-bottom: 24px; }
        h1 { font-size: 34px; line-height: 1.15; margin: 2px 0 6px; letter-spacing: -0.01em; }
        h2 { font-size: 17px; margin: 0 0 14px; }
        h3 { font-size: 12px; margin: 0 0 6px; color: var(--muted); text-transform: uppercase; letter-spacing: 0.06em; }
        p { margin: 0; }
        code { font: 13px ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
        .kicker { color: var(--accent); font-weight: 600; }
        .muted { color: var(--muted); }
        section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 20px 22px;
          margin-bottom: 18px; min-width: 0; }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px;
          margin: 0 0 18px; }
        .tiles div { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px;
          display: flex; flex-direction: column-reverse; }
        .tiles dt { color: var(--muted); font-size: 13px; }
        .tiles dd { margin: 0; font-size: 25px; font-weight: 650; font-variant-numeric: tabular-nums; }
        .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr)); gap: 0 18px; }
        svg { display: block; max-width: 100%; }
        svg .track { fill: var(--track); }
        svg .bar { fill: var(--accent); }
        svg .label { fill: var(--muted); font-size: 14px; }
        svg .value { fill: var(--ink); font-size: 14px; font-variant-numeric: tabular-nums; }
        .failures { list-style: none; margin: 0; padding: 0; }
        .failures li { background: var(--warn-card); border-left: 3px solid var(--warn); border-radius: 6px;
          padding: 10px 14px; overflow-wrap: anywhere; }
        .failures li + li { margin-top: 8px; }
        .failures strong { color: var(--warn); }
        .quotes { margin: 0; padding-left: 22px; }
        .quotes li + li { margin-top: 14px; }
        .quotes li::marker { color: var(--muted); }
        .quotes p { font-size: 13px; overflow-wrap: anywhere; }
        blockquote { margin: 0 0 2px; overflow-wrap: anywhere; }
        .kind { color: var(--accent); font-weight: 600; }
        .names { display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); gap: 20px 28px;
          margin-top: 14px; }
        .names ul { list-style: none; margin: 0; padding: 0; }
        .names li { display: flex; justify-content: space-between; gap: 12px; }
        .names li span:first-child { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
        .scroll { overflow: auto; max-height: 720px; }
        table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
        th, td { padding: 6px 10px; text-align: left; border-bottom: 1px solid var(--line); white-space: nowrap; }
        thead th { position: sticky; top: 0; background: var(--card); color: var(--muted); font-size: 13px;
          font-weight: 600; }
        tbody th { font-weight: 500; max-width: 420px; overflow: hidden; text-overflow: ellipsis; }
        .number { text-align: right; }
        .spark { padding-left: 0; width: 76px; }
        .dead th, .dead td { color: var(--warn); }
        footer { font-size: 13px; padding: 4px 2px; }
        :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
        @media print { .scroll { max-height: none; } body { background: none; } section { break-inside: avoid; } }
        """
}
