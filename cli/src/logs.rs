//! Where the log of a long-running verb goes: standard error, as the configuration says.

use linli_node::config::{ConfigError, Log, LogFormat};
use tracing_subscriber::{
    filter::Targets, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// Begins to log.
///
/// # Errors
/// When the filter cannot be read.
pub(crate) fn begin(log: &Log) -> Result<(), ConfigError> {
    let filter: Targets = log.filter.parse().map_err(|_| ConfigError::Value {
        origin: "log.filter".to_owned(),
        what: format!("`{}` is no filter: write info, or linli_net=debug,warn", log.filter),
    })?;
    let lines = fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    // A second start in one process keeps the first one's settings.
    let _ = match log.format {
        LogFormat::Text => {
            registry.with(lines.with_ansi(console::user_attended_stderr())).try_init()
        }
        LogFormat::Json => registry.with(lines.json()).try_init(),
    };
    Ok(())
}
