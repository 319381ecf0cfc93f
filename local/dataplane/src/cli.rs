//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser};

use crate::engine::addresses::AddressPrefix;

/// The data plane of the local environment: runs ECS tasks' containers as local processes, with one real Envoy per
/// task that it configures from App Mesh resources, whose API it serves too.
#[derive(Debug, Clone, Parser)]
#[command(name = "local-dataplane", version)]
pub enum Arguments {
    /// Run until told to stop
    Serve(Box<Serve>),
    /// Only read image maps and say what is wrong with them
    CheckImages {
        /// The image maps
        #[arg(value_name = "FILE", required = true)]
        images: Vec<PathBuf>,
    },
}

/// How to serve.
#[derive(Debug, Clone, Args)]
pub struct Serve {
    /// Where to serve the App Mesh API and the engine's; loopback only
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = loopback)]
    pub listen: SocketAddr,
    /// Where logs and Envoy's files go; created if it is not there
    #[arg(long, value_name = "DIRECTORY")]
    pub state_dir: PathBuf,
    /// Another directory whose logs are kept short as the containers' are; they must be written by appending
    #[arg(long, value_name = "DIRECTORY")]
    pub log_dir: Option<PathBuf>,
    /// Envoy's binary
    #[arg(long, value_name = "FILE")]
    pub envoy: PathBuf,
    /// Image maps: what runs for which container image; later files win
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    pub images: Vec<PathBuf>,
    /// The AWS endpoint that metrics are published to
    #[arg(long, value_name = "URL")]
    pub gateway: String,
    /// The AWS region that metrics are published in
    #[arg(long)]
    pub region: String,
    /// Seconds between two scrapes of Envoy's counters, which is the period of CloudWatch's data points: 60 on AWS
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = metric_period)]
    pub metric_period: u64,
    /// Seconds from a scrape until CloudWatch has its data: 120 is as slow as AWS
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(..=600))]
    pub metric_delay: u64,
    /// The first three numbers of the tasks' loopback addresses, of which there are 254 for each
    #[arg(long, value_name = "127.N.N", num_args = 1.., default_value = "127.0.40")]
    pub address_prefix: Vec<AddressPrefix>,
    /// The lowest port that containers may bind; one below is 20000 higher [default: what this program's user may bind]
    #[arg(long, value_name = "PORT")]
    pub lowest_port: Option<u16>,
    /// What `{checkout}` stands for in image maps
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    pub checkout: PathBuf,
}

/// The periods of data points that the shared stack takes.
const METRIC_PERIODS: [u64; 5] = [1, 5, 10, 30, 60];

fn metric_period(text: &str) -> Result<u64, String> {
    let period = text.parse().ok().filter(|period| METRIC_PERIODS.contains(period));
    period.ok_or_else(|| format!("`{text}` is not a metric period: 1, 5, 10, 30 or 60 seconds"))
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| format!("`{text}` is not an address and port, like `127.0.0.1:4600`"))?;
    match address.ip().is_loopback() {
        true => Ok(address),
        false => Err(format!("`{address}` is not a loopback address: this API asks for no credentials")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn a_metric_period_is_one_of_cloudwatch() {
        assert_eq!(metric_period("60"), Ok(60));
        for bad in ["0", "2", "120", "x", ""] {
            assert!(metric_period(bad).unwrap_err().contains(&format!("`{bad}`")));
        }
    }

    #[test]
    fn only_loopback_is_listened_on() {
        assert!(loopback("127.0.0.1:4600").is_ok());
        assert!(loopback("0.0.0.0:4600").unwrap_err().contains("loopback"));
        assert!(loopback("4600").unwrap_err().contains("`4600`"));
    }
}
