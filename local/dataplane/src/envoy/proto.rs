//! Short forms of the messages that Envoy's configuration is made of.

use envoy_types::pb::envoy::config::core::v3::address::Address as AddressKind;
use envoy_types::pb::envoy::config::core::v3::config_source::ConfigSourceSpecifier;
use envoy_types::pb::envoy::config::core::v3::socket_address::PortSpecifier;
use envoy_types::pb::envoy::config::core::v3::{
    Address, AggregatedConfigSource, ApiVersion, ConfigSource, SocketAddress,
};
use envoy_types::pb::envoy::r#type::matcher::v3::RegexMatcher;
use envoy_types::pb::google::protobuf::{BoolValue, Duration, UInt32Value};

/// A time.
pub fn duration(millis: u64) -> Option<Duration> {
    let seconds = i64::try_from(millis / 1000).unwrap_or(i64::MAX);
    let nanos = i32::try_from(millis % 1000 * 1_000_000).unwrap_or_default();
    Some(Duration { seconds, nanos })
}

/// A number that may be absent. One that does not fit becomes the nearest that does.
pub fn number(value: i64) -> Option<UInt32Value> {
    Some(UInt32Value { value: saturated(value) })
}

/// The nearest number to `value` that fits.
pub fn saturated(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}

/// A truth value that may be absent.
pub fn boolean(value: bool) -> Option<BoolValue> {
    Some(BoolValue { value })
}

/// A socket address.
pub fn socket_address(address: impl ToString, port: u16) -> Option<Address> {
    let port_specifier = Some(PortSpecifier::PortValue(port.into()));
    let socket = SocketAddress { address: address.to_string(), port_specifier, ..Default::default() };
    Some(Address { address: Some(AddressKind::SocketAddress(socket)) })
}

/// A regular expression.
pub fn regex(pattern: impl Into<String>) -> RegexMatcher {
    RegexMatcher { regex: pattern.into(), ..Default::default() }
}

/// The stream over which Envoy has all its dynamic resources.
pub fn ads() -> Option<ConfigSource> {
    Some(ConfigSource {
        resource_api_version: ApiVersion::V3.into(),
        // Envoy would go on without the resource after 15 seconds.
        initial_fetch_timeout: duration(0),
        config_source_specifier: Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource {})),
        ..Default::default()
    })
}
