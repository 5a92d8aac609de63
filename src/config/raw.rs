//! The configuration as written: complete, of the right shapes, not yet understood. Nothing outside this room sees it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::sections;

/// All keys: serde cannot refuse unknown keys of a flattened struct, so the two parts are read apart.
#[derive(Debug)]
pub(super) struct Raw {
    pub general: sections::general::Raw,
    pub sections: Sections,
    pub upstreams: BTreeMap<String, sections::upstreams::Raw>,
}

/// All sections, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sections {
    pub tls: sections::tls::Raw,
    pub http: sections::http::Raw,
    pub metrics: sections::metrics::Raw,
    pub log: sections::log::Raw,
    pub rate_limits: sections::rate_limits::Raw,
    pub passwords: sections::passwords::Raw,
    pub rpps: sections::rpps::Raw,
    pub mail: sections::mail::Raw,
    pub registration: sections::registration::Raw,
    pub outbound: sections::outbound::Raw,
    pub sessions: sections::sessions::Raw,
    pub tokens: sections::tokens::Raw,
    pub keys: sections::keys::Raw,
    pub clients: sections::clients::Raw,
    pub pages: sections::pages::Raw,
}

impl Raw {
    /// Reads a complete table.
    pub(super) fn read(mut table: toml::Table) -> Result<Self, toml::de::Error> {
        let upstreams = table.remove(sections::upstreams::ABOVE).unwrap_or_else(|| toml::Table::new().into());
        let (sections, general): (toml::Table, toml::Table) =
            table.into_iter().partition(|(_, value)| value.is_table());
        Ok(Self { general: general.try_into()?, sections: sections.try_into()?, upstreams: upstreams.try_into()? })
    }
}

#[cfg(test)]
#[path = "raw_tests.rs"]
mod tests;
