//! Access logs.

use envoy_types::pb::envoy::config::accesslog::v3::AccessLog;
use envoy_types::pb::envoy::config::accesslog::v3::access_log::ConfigType;
use envoy_types::pb::envoy::config::core::v3::data_source::Specifier;
use envoy_types::pb::envoy::config::core::v3::substitution_format_string::Format;
use envoy_types::pb::envoy::config::core::v3::{DataSource, SubstitutionFormatString};
use envoy_types::pb::envoy::extensions::access_loggers::stream::v3::StdoutAccessLog;
use envoy_types::pb::envoy::extensions::access_loggers::stream::v3::stdout_access_log::AccessLogFormat;
use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{Any, Struct, Value};
use envoy_types::util::pack_any;
use local_appmesh::spec::{self, Logging, LoggingFormat};

/// The access log, for the path that containers use: `/dev/stdout`, which is the container's log here. Other paths
/// belong to a container's file system, which there is none of.
pub fn access_log(logging: Option<&Logging>) -> Option<AccessLog> {
    let spec::AccessLog::File(file) = logging?.access_log.as_ref()?;
    if &*file.path != "/dev/stdout" {
        return None;
    }
    let config = match &file.format {
        None => pack_any(StdoutAccessLog::default()),
        Some(LoggingFormat::Text(text)) => {
            let line = format!("{}\n", text.trim_end());
            let inline = DataSource { specifier: Some(Specifier::InlineString(line)), ..Default::default() };
            formatted(Format::TextFormatSource(inline))
        }
        Some(LoggingFormat::Json(pairs)) => {
            json(pairs.iter().map(|pair| (pair.key.to_string(), pair.value.to_string())))
        }
    };
    let name = "envoy.access_loggers.stdout".to_owned();
    Some(AccessLog { name, config_type: Some(ConfigType::TypedConfig(config)), ..Default::default() })
}

/// A log of JSON objects. The same members give the same bytes, so that a listener changes only if its log does: each
/// member is written as a message of its own, because messages behind each other are read as one, and those of a hash map
/// would come in any order.
fn json(members: impl Iterator<Item = (String, String)>) -> Any {
    let one = |(key, value)| {
        let value = Value { kind: Some(Kind::StringValue(value)) };
        formatted(Format::JsonFormat(Struct { fields: [(key, value)].into() }))
    };
    let mut log = formatted(Format::JsonFormat(Struct::default()));
    log.value.extend(members.map(one).flat_map(|log| log.value));
    log
}

fn formatted(format: Format) -> Any {
    let format = SubstitutionFormatString { format: Some(format), ..Default::default() };
    pack_any(StdoutAccessLog { access_log_format: Some(AccessLogFormat::LogFormat(format)) })
}
