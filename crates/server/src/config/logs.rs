//! `LOG_LEVEL`, `OTEL_EXPORTER_OTLP_ENDPOINT`.

use tracing_subscriber::EnvFilter;

use super::reader::Reader;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

impl Reader {
    /// A level, or a filter with levels in it. A word that is neither would be read as the name of a module, and every
    /// line of the others would be gone.
    pub(super) fn log_filter(&mut self) -> String {
        let example = "LOG_LEVEL=info, or LOG_LEVEL=warn,tollgate=debug";
        let text = self.text("LOG_LEVEL").unwrap_or_else(|| "info".to_owned());
        let is_level = |word: &str| LEVELS.contains(&word.trim().to_ascii_lowercase().as_str());
        let named = |part: &str| {
            part.rsplit_once('=')
                .map_or_else(|| is_level(part), |(_, level)| is_level(level))
        };
        if !text.split(',').any(named) {
            self.fault(
                "LOG_LEVEL",
                format!("{text:?} names no level out of {}", LEVELS.join(", ")),
                example,
            );
        } else if let Err(error) = EnvFilter::try_new(&text) {
            self.fault("LOG_LEVEL", format!("{text:?}: {error}"), example);
        }
        text
    }

    /// The base address of a collector.
    #[cfg(feature = "otel")]
    pub(super) fn traces(&mut self) -> Option<url::Url> {
        let (name, example) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        let url: url::Url = self.parsed(name, "is not an address", example)?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            self.fault(name, "must be http or https", example);
        }
        Some(url)
    }
}
