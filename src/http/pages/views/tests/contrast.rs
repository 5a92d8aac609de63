//! The colours of the style sheet against WCAG 2.2: 4.5 for text (1.4.3), 3 for the edges of controls and for focus (1.4.11).

use std::collections::BTreeMap;

use crate::http::pages::views::static_file;

type Palette = BTreeMap<String, f64>;

/// The `--name: #rrggbb;` of one block, as relative luminance.
fn palette(block: &str) -> Palette {
    let declarations = block.lines().filter_map(|line| line.trim().strip_prefix("--")?.split_once(": #"));
    declarations.map(|(name, hex)| (name.to_owned(), luminance(hex.trim_end_matches(';')))).collect()
}

fn luminance(hex: &str) -> f64 {
    let value = u32::from_str_radix(hex, 16).expect("a colour of six digits");
    let channel = |shift: u32| {
        let part = f64::from((value >> shift) & 0xff) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(16) + 0.7152 * channel(8) + 0.0722 * channel(0)
}

fn contrast(palette: &Palette, one: &str, other: &str) -> f64 {
    let (one, other) = (palette[one], palette[other]);
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn colours_can_be_told_apart() {
    let css = std::str::from_utf8(static_file("guichet.css").expect("the style sheet").body).expect("text");
    let (light, rest) = css.split_once("@media (prefers-color-scheme: dark)").expect("a dark palette");
    let (dark, _) = rest.split_once("*,").expect("the end of the dark palette");
    for (mode, palette) in [("light", palette(light)), ("dark", palette(dark))] {
        let text = [
            ("ink", &["page", "card", "sunk", "accent-soft"][..]),
            ("quiet", &["page", "card", "sunk", "accent-soft"][..]),
            ("accent", &["page", "card", "sunk", "accent-soft"][..]),
            ("accent-deep", &["page", "card"][..]),
            ("on-accent", &["accent", "accent-deep"][..]),
            ("bad", &["card", "bad-soft"][..]),
            ("wait", &["card", "wait-soft"][..]),
        ];
        for (front, grounds) in text {
            for ground in grounds {
                let found = contrast(&palette, front, ground);
                assert!(found >= 4.5, "{mode}: {front} on {ground} is {found:.2}");
            }
        }
        for ground in ["page", "card", "sunk"] {
            let found = contrast(&palette, "edge", ground);
            assert!(found >= 3.0, "{mode}: edge on {ground} is {found:.2}");
        }
    }
}
