//! The commands: from files to files.

use crate::{
    Failure, Protocol,
    args::{Args, Command, Format, TemplateArgs},
    files,
    problem::Problems,
    render::render,
    source,
    template::{IN_BUCKET, IN_REQUEST, Inputs},
    value::Value,
    yaml::to_yaml,
};

/// Runs a command. `variables` is the process's environment.
///
/// # Errors
/// What was wrong, or what did not work.
pub fn run(args: &Args, variables: &[(String, String)]) -> Result<(), Failure> {
    match &args.command {
        Command::Template(args) => template(args, variables),
        Command::Render(args) => render(args, variables),
    }
}

fn template(args: &TemplateArgs, variables: &[(String, String)]) -> Result<(), Failure> {
    let mut problems = Problems::default();
    let manifest = problems.take(source::manifest(&args.manifest));
    let platform = problems.take(source::platform(args.platform.as_deref(), variables));
    let Some((manifest, platform)) = problems.unless_any(manifest.zip(platform))? else {
        unreachable!("what is not there was a problem")
    };
    // A deploy.json that says otherwise is refused by the template's own parameters.
    let protocol = platform.protocol.as_ref().map_or(Protocol::Http, |protocol| protocol.value);
    let template = Inputs { manifest: &manifest, platform: &platform, protocol }.template()?;
    let json = args.output.as_deref().is_some_and(|path| path.extension().is_some_and(|ending| ending == "json"));
    let text = match args.format {
        Some(Format::Json) => to_json(&template),
        None if json => to_json(&template),
        _ => to_yaml(&template),
    };
    files::write(args.output.as_deref(), &text)?;
    if text.len() > IN_REQUEST.bytes {
        let (bytes, limit, stored) = (text.len(), IN_REQUEST.bytes, IN_BUCKET.bytes);
        eprintln!(
            "warning: the template has {bytes} bytes: `canary render --template` takes {limit}, with --artifact-bucket {stored}"
        );
    }
    Ok(())
}

fn to_json(template: &Value) -> String {
    format!("{template:#}\n")
}
