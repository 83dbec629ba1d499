//! Where the log of a long-running verb goes: standard error, as the configuration says.

use linli_node::config::{ConfigError, Log, LogFormat};
use tracing_subscriber::EnvFilter;

/// Begins to log.
///
/// # Errors
/// When the filter cannot be read.
pub(crate) fn begin(log: &Log) -> Result<(), ConfigError> {
    let filter = EnvFilter::builder().parse(&log.filter).map_err(|_| ConfigError::Value {
        origin: "log.filter".to_owned(),
        what: format!("`{}` is no filter: write info, or linli_net=debug,warn", log.filter),
    })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process keeps the first one's settings.
    let _ = match log.format {
        LogFormat::Text => lines.with_ansi(console::user_attended_stderr()).try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    Ok(())
}
