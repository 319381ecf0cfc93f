//! The bucket that templates go to which are too large for a request.
//!
//! The AWS CLI uploads them: a build machine has it, with the credentials and endpoints that the rest of the build uses.

use std::{
    io::{self, Write},
    process::{Command, Stdio},
};

use canary_core::request::DeployRequest;
use sha2::{Digest, Sha256};

use crate::{
    Failure,
    args::BucketArgs,
    problem::{Place, Problems},
    read::shown,
    source::Written,
};

/// The variable that AWS's tools take the Region from if `AWS_REGION` is absent.
pub const DEFAULT_REGION: &str = "AWS_DEFAULT_REGION";
/// How many bytes of the template's SHA-256 its key has.
const DIGEST_BYTES: usize = 8;

const BUCKET: &str = "the name of an S3 bucket without dots: 3 to 63 lower-case letters, digits and hyphens";
const REGION: &str = "a Region of AWS's main or GovCloud partition, such as `us-west-2`";

/// A bucket for templates.
#[derive(Debug)]
pub struct Bucket {
    name: String,
    /// It is part of a template's address, so it is needed if there is a template to upload.
    region: Option<String>,
}

impl Bucket {
    /// The bucket of the options, if there is one.
    ///
    /// # Errors
    /// Each option that is no such thing.
    pub fn of(args: &BucketArgs, variables: &[(String, String)]) -> Result<Option<Self>, Problems> {
        // An empty variable counts as absent.
        let given = |option: &Option<String>| option.clone().filter(|text| !text.is_empty());
        let default = variables.iter().find(|(name, _)| name == DEFAULT_REGION).map(|(_, region)| region.clone());
        let Some(name) = given(&args.artifact_bucket) else { return Ok(None) };
        let region = given(&args.region).or_else(|| given(&default));

        let mut problems = Problems::default();
        let mut check = |option: &str, value: &str, right: bool, allowed: &str| {
            if !right {
                problems.add(&Place::whole(option), format!("is {}: allowed is {allowed}", shown(value)));
            }
        };
        check("--artifact-bucket", &name, is_bucket(&name), BUCKET);
        if let Some(region) = &region {
            check("--region", region, is_region(region), REGION);
        }
        problems.unless_any(Some(Self { name, region }))
    }

    /// The bucket's Region.
    ///
    /// # Errors
    /// That it is not known.
    pub fn region(&self) -> Result<&str, Problems> {
        let message = "is missing: a template that goes to a bucket has the bucket's Region in its URL";
        self.region.as_deref().ok_or_else(|| Problems::one(&Place::whole("--region"), message))
    }

    /// Where a version's template goes. Equal templates have equal addresses, so an address never comes to mean another one.
    ///
    /// # Errors
    /// That the Region is not known.
    pub fn object(&self, request: &DeployRequest, template: &Written) -> Result<Object, Problems> {
        let digest = Sha256::digest(&template.text);
        let digest: String = digest.iter().take(DIGEST_BYTES).map(|byte| format!("{byte:02x}")).collect();
        let service = format!("{}/{}", request.environment_name, request.microservice_name);
        // The functions may read under `templates/` (infra/shared.yaml).
        let key = format!("templates/{service}/{}-{digest}.{}", request.sha, template.ending);
        Ok(Object { bucket: self.name.clone(), key, region: self.region()?.to_owned() })
    }
}

/// A place in a bucket.
pub struct Object {
    bucket: String,
    key: String,
    region: String,
}

impl Object {
    /// Where CloudFormation reads it.
    pub fn url(&self) -> String {
        format!("https://{}.s3.{}.amazonaws.com/{}", self.bucket, self.region, self.key)
    }

    /// Puts a template there.
    ///
    /// # Errors
    /// That it may not be there; the AWS CLI has said why.
    pub fn upload(&self, template: &str) -> Result<(), Failure> {
        let target = format!("s3://{}/{}", self.bucket, self.key);
        let failed = |reason: String| Failure::Failed(format!("{target}: cannot be uploaded: {reason}"));
        let mut aws = Command::new("aws")
            .args(["s3", "cp", "-", &target, "--region", &self.region, "--only-show-errors"])
            .stdin(Stdio::piped())
            // The completed request may go to the standard output.
            .stdout(io::stderr())
            .spawn()
            .map_err(|error| failed(format!("the AWS CLI, `aws`, cannot be run: {error}")))?;
        let sent = aws.stdin.take().map_or(Ok(()), |mut input| input.write_all(template.as_bytes()));
        let status = aws.wait().map_err(|error| failed(format!("`aws s3 cp` cannot be waited for: {error}")))?;
        if !status.success() {
            return Err(failed(format!("`aws s3 cp` ended with {status}")));
        }
        sent.map_err(|error| failed(format!("`aws s3 cp` did not read the template: {error}")))
    }
}

/// A name with dots is part of no certificate's names, so its objects have no URL of the form that is used here.
fn is_bucket(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// Other partitions' addresses end otherwise.
fn is_region(region: &str) -> bool {
    let word = |text: &&str| !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase());
    let number = |text: &&str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    match region.split('-').collect::<Vec<_>>().as_slice() {
        ["cn", ..] => false,
        ["us", "gov", place, count] => word(place) && number(count),
        [area, place, count] => area.len() == 2 && word(area) && word(place) && number(count),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_url_of_the_usual_form_is_no_bucket_or_region() {
        for (accepts, right, wrong) in [
            (
                is_bucket as fn(&str) -> bool,
                vec!["abc", "canary-artifacts-111122223333-us-west-2"],
                vec!["", "ab", "my.bucket", "Bucket", "-abc", "abc-", "a_b", "a/b"],
            ),
            (
                is_region,
                vec!["us-west-2", "ap-southeast-5", "us-gov-east-1"],
                vec![
                    "",
                    "us-west",
                    "cn-north-1",
                    "us-iso-east-1",
                    "eusc-de-east-1",
                    "us-west-2a",
                    "US-WEST-2",
                    "us--2",
                ],
            ),
        ] {
            assert_eq!(right.into_iter().filter(|text| !accepts(text)).collect::<Vec<_>>(), Vec::<&str>::new());
            assert_eq!(wrong.into_iter().filter(|text| accepts(text)).collect::<Vec<_>>(), Vec::<&str>::new());
        }
    }
}
