//! The `display` parameter (OpenID Connect Core §3.1.2.1).

use serde::{Deserialize, Serialize};

/// What the pages are shown in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Display {
    /// A whole page of a browser.
    #[default]
    Page,
    /// A small window of its own.
    Popup,
    /// A device that is touched: targets are larger.
    Touch,
    /// A feature phone: nothing but text and fields.
    Wap,
}

impl Display {
    /// All, as `display_values_supported` lists them.
    pub const ALL: [Self; 4] = [Self::Page, Self::Popup, Self::Touch, Self::Wap];

    /// The value on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Popup => "popup",
            Self::Touch => "touch",
            Self::Wap => "wap",
        }
    }

    /// Reads the parameter. It is a wish about looks: a value that we do not know is a page.
    pub(super) fn parse(text: Option<&str>) -> Self {
        Self::ALL.into_iter().find(|display| text == Some(display.as_str())).unwrap_or_default()
    }
}
