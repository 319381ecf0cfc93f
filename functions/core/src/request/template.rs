//! The per-version template: in the request itself, or where it lies in S3.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::fields::{Fields, Pattern};
use crate::Error;

/// CloudFormation's limit for a template sent in a call itself, in bytes.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
const BODY_BYTES: usize = 51_200;
/// CloudFormation's limit for the address of a template, in characters.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html>
const URL_CHARS: usize = 5120;

const BASE64: Pattern =
    Pattern { allowed: "a CloudFormation template in base64", accepts: |text| !text.is_empty(), shown: false };
const URL: Pattern = Pattern {
    allowed: "the address of an object in S3, https://{bucket}.s3.{region}.amazonaws.com/{key}, of at most 5120 characters and with no query but `?versionId=`",
    accepts: is_s3_object,
    shown: false,
};

/// The template that makes a version's stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Template {
    /// The template itself, in plain text.
    Body(String),
    /// Where it lies in S3: CloudFormation reads up to 1 MB from there, with the caller's permission.
    Url(String),
}

impl Template {
    /// Reads whichever of `CanaryTemplate` and `CanaryTemplateUrl` the request has.
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        let url = fields.optional_text("CanaryTemplateUrl", &URL);
        match url {
            None => Self::Body(decode(fields)),
            Some(url) => {
                if fields.has("CanaryTemplate") {
                    fields.refuse("CanaryTemplateUrl", "stands beside `CanaryTemplate`", "allowed is one of the two");
                }
                Self::Url(url)
            }
        }
    }

    /// The refusal of a template that CloudFormation itself does not accept.
    #[must_use]
    pub fn refused(&self, reason: &str) -> Error {
        Error::invalid(self.field(), "is not a valid CloudFormation template", reason)
    }

    /// The request's field that it came in.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Body(_) => "CanaryTemplate",
            Self::Url(_) => "CanaryTemplateUrl",
        }
    }
}

fn decode(fields: &mut Fields<'_>) -> String {
    let encoded = fields.text("CanaryTemplate", &BASE64);
    plain(&encoded).unwrap_or_else(|(found, right)| {
        fields.refuse("CanaryTemplate", found, right);
        String::new()
    })
}

/// The template in plain text, or what is wrong and what is right.
fn plain(encoded: &str) -> Result<String, (String, String)> {
    let allowed = || format!("allowed is {}", BASE64.allowed);
    let compact: String = encoded.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(compact).map_err(|error| (format!("is not base64 ({error})"), allowed()))?;
    let text = String::from_utf8(bytes).map_err(|_| ("is not UTF-8 text in base64".into(), allowed()))?;
    if text.len() > BODY_BYTES {
        let right = format!("allowed are {BODY_BYTES}, and a larger one by `CanaryTemplateUrl`");
        return Err((format!("is a template of {} bytes", text.len()), right));
    }
    if !text.contains("Resources") {
        return Err(("has no `Resources` section".into(), allowed()));
    }
    Ok(text)
}

/// An address that a signature makes readable for anybody is none of these: it would be a secret in the execution's input.
fn is_s3_object(url: &str) -> bool {
    let Some((host, path)) = url.strip_prefix("https://").and_then(|rest| rest.split_once('/')) else { return false };
    let (key, query) = path.split_once('?').unwrap_or((path, "versionId="));
    let in_aws = host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
    let of_s3 = host.split('.').any(|label| label == "s3");
    let named = host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
    let version = query.strip_prefix("versionId=").is_some_and(|id| !id.contains(['&', '?', '=']));
    let printable = url.chars().all(|c| c.is_ascii_graphic() && c != '#');
    url.len() <= URL_CHARS && printable && in_aws && of_s3 && named && !key.is_empty() && version
}
