//! TLS members; virtual nodes and virtual gateways have the same ones.

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::constraint::union;
use super::{List, Port, Text, Text255};

/// How a proxy talks to the services it calls.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackendDefaults {
    pub client_policy: Option<ClientPolicy>,
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientPolicy {
    pub tls: Option<ClientPolicyTls>,
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientPolicyTls {
    pub certificate: Option<ClientTlsCertificate>,
    /// Absent means `true`.
    pub enforce: Option<bool>,
    /// Absent means every port.
    pub ports: Option<Vec<Port>>,
    pub validation: TlsValidationContext,
}

union! {
    ClientTlsCertificate {
        File(file: TlsFileCertificate),
        Sds(sds: TlsSdsSecret),
    }
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsValidationContext {
    pub subject_alternative_names: Option<SubjectAlternativeNames>,
    pub trust: TlsValidationContextTrust,
}

union! {
    TlsValidationContextTrust {
        Acm(acm: TlsAcmTrust),
        File(file: TlsFileTrust),
        Sds(sds: TlsSdsSecret),
    }
}

/// What a listener offers and demands.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListenerTls {
    pub certificate: ListenerTlsCertificate,
    pub mode: ListenerTlsMode,
    pub validation: Option<ListenerTlsValidationContext>,
}

union! {
    ListenerTlsCertificate {
        Acm(acm: TlsAcmCertificate),
        File(file: TlsFileCertificate),
        Sds(sds: TlsSdsSecret),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ListenerTlsMode {
    Strict,
    Permissive,
    Disabled,
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListenerTlsValidationContext {
    pub subject_alternative_names: Option<SubjectAlternativeNames>,
    pub trust: ListenerTlsValidationContextTrust,
}

union! {
    ListenerTlsValidationContextTrust {
        File(file: TlsFileTrust),
        Sds(sds: TlsSdsSecret),
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsAcmTrust {
    pub certificate_authority_arns: List<String, 1, 3>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsFileTrust {
    pub certificate_chain: Text255,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsSdsSecret {
    pub secret_name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsAcmCertificate {
    pub certificate_arn: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsFileCertificate {
    pub certificate_chain: Text255,
    pub private_key: Text255,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubjectAlternativeNames {
    #[serde(rename = "match")]
    pub matchers: SubjectAlternativeNameMatchers,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubjectAlternativeNameMatchers {
    pub exact: Vec<Text<1, 254>>,
}
