//! The commands: from files to files.

use std::path::Path;

use crate::{
    Failure, Protocol,
    args::{Args, Command, Format, RenderArgs, TemplateArgs},
    deploy::{self, Draft},
    files,
    manifest::Manifest,
    platform::Platform,
    problem::{Place, Problems},
    template::{Inputs, TEMPLATE_BYTES},
    value::Value,
    yaml::to_yaml,
};

/// What a template that no file has is called in messages.
const MADE: &str = "the template";

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
    let (manifest, platform) = inputs(&args.manifest, args.platform.as_deref(), variables)?;
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
    if text.len() > TEMPLATE_BYTES {
        eprintln!("warning: the template has {} bytes: `canary render` takes {TEMPLATE_BYTES}", text.len());
    }
    Ok(())
}

fn render(args: &RenderArgs, variables: &[(String, String)]) -> Result<(), Failure> {
    let deploy = files::read(&args.deploy)?;
    let mut draft = Draft::parse(&deploy.name, &deploy.text)?;
    draft.set("Sha", &args.sha, Place::whole("--sha"));
    if let Some(image) = &args.image {
        draft.set("ContainerImage", image, Place::whole("--image"));
    }
    let (template, place) = match (&args.template, &args.sources.manifest) {
        (Some(path), _) => (own_template(path, &draft, args)?, path.display().to_string()),
        (None, Some(path)) => {
            let (manifest, platform) = inputs(path, args.sources.platform.as_deref(), variables)?;
            (made_template(&manifest, &platform, &mut draft, args)?, MADE.to_owned())
        }
        (None, None) => unreachable!("the command line requires one of the two"),
    };
    let completed = draft.complete(&template, Place::whole(&place))?;
    files::write(Some(args.output.as_deref().unwrap_or(&args.deploy)), &completed)
}

/// The team's own template, as it is.
fn own_template(path: &Path, draft: &Draft, args: &RenderArgs) -> Result<String, Failure> {
    let template = files::read(path)?;
    let place = Place::whole(&template.name);
    if args.image.is_none() {
        return Err(
            Problems::one(&Place::whole("--image"), "is missing: only a manifest could name an image instead").into()
        );
    }
    if template.text.len() > TEMPLATE_BYTES {
        let message = format!(
            "the template has {} bytes: CloudFormation takes {TEMPLATE_BYTES} in a request. Comments and indentation count too",
            template.text.len()
        );
        return Err(Problems::one(&place, message).into());
    }
    draft.request()?;
    Ok(template.text)
}

/// The template of a manifest and the platform's settings, which have to agree with deploy.json.
fn made_template(
    manifest: &Manifest,
    platform: &Platform,
    draft: &mut Draft,
    args: &RenderArgs,
) -> Result<String, Failure> {
    match (&args.image, &manifest.image) {
        (Some(_), _) => {}
        (None, Some(image)) => draft.set("ContainerImage", &image.value, image.place.clone()),
        (None, None) => {
            let message =
                "is missing, and the manifest has no `AppContainer.Image`: one of the two has to name the image";
            return Err(Problems::one(&Place::whole("--image"), message).into());
        }
    }
    let request = draft.request()?;
    deploy::check_agreement(&request, draft, manifest, platform)?;
    let inputs = Inputs { manifest, platform, protocol: request.protocol };
    let template = inputs.template()?;
    let yaml = to_yaml(&template);
    if yaml.len() <= TEMPLATE_BYTES {
        return Ok(yaml);
    }
    let compact = compact_json(&template);
    if compact.len() > TEMPLATE_BYTES {
        return Err(Problems::one(&Place::whole(MADE), inputs.too_large(compact.len())).into());
    }
    Ok(compact)
}

fn inputs(
    manifest: &Path,
    platform: Option<&Path>,
    variables: &[(String, String)],
) -> Result<(Manifest, Platform), Problems> {
    let manifest = files::read(manifest)?;
    let platform = platform.map(files::read).transpose()?;
    let settings = platform.as_ref().map(|file| (file.name.as_str(), file.text.as_str()));
    // What is wrong in either is said at once.
    Problems::both(Manifest::parse(&manifest.name, &manifest.text), Platform::parse(settings, variables))
}

fn to_json(template: &Value) -> String {
    format!("{template:#}\n")
}

fn compact_json(template: &Value) -> String {
    format!("{template}")
}
