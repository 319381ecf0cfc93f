//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::platform::{PREFIX, variable_names};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  wrong input (each problem as `file:line: message`), or a file that cannot be written, or an upload that failed
  2  wrong usage: an option is unknown, missing, or cannot stand beside another";

/// Canary deployments for Amazon ECS: what a build runs before a deployment.
#[derive(Debug, Parser)]
#[command(name = "canary", version, after_help = EXIT_CODES)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the per-version CloudFormation template from a manifest and the platform's settings
    #[command(after_help = EXIT_CODES, after_long_help = variables_help())]
    Template(TemplateArgs),
    /// Complete deploy.json with Sha, ContainerImage and the template
    ///
    /// The template is made from --manifest and --platform as by `canary template`, or is the one of --template. Everything is
    /// checked as the state machine would, and that manifest, platform and deploy.json agree. The platform's Environment,
    /// Namespace and Protocol hold for a template of --template too; its other settings do not change that template, and a note
    /// names those that are set. A template that is too large for CloudFormation's requests is uploaded to --artifact-bucket by
    /// the AWS CLI before deploy.json is written.
    #[command(after_help = EXIT_CODES, after_long_help = variables_help())]
    Render(RenderArgs),
}

/// Where a template comes from.
#[derive(Debug, clap::Args)]
pub struct Sources {
    /// The service team's manifest (YAML)
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// The platform team's settings (YAML); what is neither here nor in a variable has its default
    #[arg(long, value_name = "FILE")]
    pub platform: Option<PathBuf>,
}

/// Options of `canary template`.
#[derive(Debug, clap::Args)]
pub struct TemplateArgs {
    /// The service team's manifest (YAML)
    #[arg(long, value_name = "FILE")]
    pub manifest: PathBuf,
    /// The platform team's settings (YAML); what is neither here nor in a variable has its default
    #[arg(long, value_name = "FILE")]
    pub platform: Option<PathBuf>,
    /// Where to write the template; the standard output if absent or `-`
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// How to write it; by the ending of --output if absent, else YAML
    #[arg(long, value_enum)]
    pub format: Option<Format>,
}

/// Options of `canary render`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("source").args(["manifest", "template"]).required(true))]
pub struct RenderArgs {
    /// The service's deploy.json
    #[arg(long, value_name = "FILE")]
    pub deploy: PathBuf,
    /// The version: 1 to 61 letters and digits, usually the commit
    #[arg(long, env = "CODEBUILD_RESOLVED_SOURCE_VERSION")]
    pub sha: String,
    /// The image that the build pushed; the manifest's `AppContainer.Image` if absent
    #[arg(long, value_name = "URI")]
    pub image: Option<String>,
    /// What to make the template from.
    #[command(flatten)]
    pub sources: Sources,
    /// A template of the team's own, instead of a manifest
    #[arg(long, value_name = "FILE")]
    pub template: Option<PathBuf>,
    /// A field of deploy.json that is to have another value; can be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// Where a template goes that is too large for a request.
    #[command(flatten)]
    pub bucket: BucketArgs,
    /// Where to write the completed request; --deploy itself if absent, the standard output if `-`
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Where a template goes that is too large for a request.
#[derive(Debug, clap::Args)]
pub struct BucketArgs {
    /// The S3 bucket that a template over 51,200 bytes is uploaded to
    #[arg(long, value_name = "BUCKET", env = "CANARY_ARTIFACT_BUCKET")]
    pub artifact_bucket: Option<String>,
    /// The bucket's Region; AWS_DEFAULT_REGION if AWS_REGION is absent too
    #[arg(long, env = "AWS_REGION")]
    pub region: Option<String>,
}

/// How a template is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Block style, short forms of the functions
    Yaml,
    /// Indented, full forms of the functions
    Json,
}

fn variables_help() -> String {
    let names: Vec<String> = variable_names().map(|name| format!("  {PREFIX}{name}")).collect();
    format!(
        "Environment variables, as a CodeBuild project sets them, fill in what the platform's file leaves open and cannot \
         change what it says. Lists have commas. An empty variable counts as absent.\n\n{}\n\n{EXIT_CODES}",
        names.join("\n")
    )
}
