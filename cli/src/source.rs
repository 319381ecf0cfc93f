//! What a template is made from: a manifest and the platform's settings, or a template of the team's own.

use std::path::Path;

use canary_core::request::DeployRequest;

use crate::{
    Protocol,
    args::RenderArgs,
    deploy::{Draft, check_agreement},
    files,
    manifest::Manifest,
    own,
    platform::Platform,
    problem::{Place, Problems},
    template::{Inputs, Limit, largest},
    yaml::to_yaml,
};

/// A template as it is written.
#[derive(Clone)]
pub struct Written {
    /// YAML or JSON.
    pub text: String,
    /// How the name of a file with it ends.
    pub ending: &'static str,
}

/// What of a template's source could be read.
pub struct Source {
    origin: Origin,
    platform: Option<Platform>,
}

/// What a template comes from, beside the platform's settings.
enum Origin {
    /// A template of the team's own.
    Own(Place, Option<Written>),
    /// The manifest that one is made from.
    Made(Option<Box<Manifest>>),
}

/// Reads a manifest.
///
/// # Errors
/// Everything that is wrong with it.
pub fn manifest(path: &Path) -> Result<Manifest, Problems> {
    let file = files::read(path)?;
    Manifest::parse(&file.name, &file.text)
}

/// Reads the platform's settings.
///
/// # Errors
/// Everything that is wrong with them.
pub fn platform(path: Option<&Path>, variables: &[(String, String)]) -> Result<Platform, Problems> {
    let file = path.map(files::read).transpose()?;
    Platform::parse(file.as_ref().map(|file| (file.name.as_str(), file.text.as_str())), variables)
}

impl Source {
    /// Reads what the options name, and adds what is wrong with it to `problems`.
    pub fn read(args: &RenderArgs, variables: &[(String, String)], problems: &mut Problems) -> Self {
        let origin = match (&args.template, &args.sources.manifest) {
            (Some(path), _) => {
                let ending = if path.extension().is_some_and(|ending| ending == "json") { "json" } else { "yaml" };
                let written = problems.take(files::read(path)).map(|file| Written { text: file.text, ending });
                Origin::Own(Place::whole(&path.display().to_string()), written)
            }
            (None, Some(path)) => Origin::Made(problems.take(manifest(path)).map(Box::new)),
            (None, None) => unreachable!("the command line requires one of the two"),
        };
        let platform = problems.take(platform(args.sources.platform.as_deref(), variables));
        Self { origin, platform }
    }

    /// The image and where it is named, if that is known.
    ///
    /// # Errors
    /// That nothing names it.
    pub fn image(&self, option: Option<&str>) -> Result<Option<(String, Place)>, Problems> {
        let place = Place::whole("--image");
        let missing = match (option, &self.origin) {
            (Some(image), _) => return Ok(Some((image.to_owned(), place))),
            (None, Origin::Made(manifest)) => {
                let Some(manifest) = manifest else { return Ok(None) };
                if let Some(image) = &manifest.image {
                    return Ok(Some((image.value.clone(), image.place.clone())));
                }
                "is missing, and the manifest has no `AppContainer.Image`: one of the two has to name the image"
            }
            (None, Origin::Own(..)) => "is missing: only a manifest could name an image instead",
        };
        Err(Problems::one(&place, missing))
    }

    /// Whether the request is about the same service, and is one that the platform allows.
    ///
    /// # Errors
    /// Each field that says something else.
    pub fn check_agreement(&self, request: &DeployRequest, draft: &Draft) -> Result<(), Problems> {
        let manifest = match &self.origin {
            Origin::Own(..) => None,
            Origin::Made(manifest) => manifest.as_deref(),
        };
        check_agreement(request, draft, manifest, self.platform.as_ref())
    }

    /// A note about settings of the platform that a template of the team's own does not follow.
    pub fn note(&self) -> Option<String> {
        let (Origin::Own(place, _), Some(platform)) = (&self.origin, &self.platform) else { return None };
        let names: Vec<String> = platform.shaping.iter().map(|name| format!("`{name}`")).collect();
        let names = Some(names.join(", ")).filter(|names| !names.is_empty())?;
        Some(format!(
            "note: {place} is taken as it is: the platform's other settings ({names}) are for templates made from a manifest"
        ))
    }

    /// The ways to write the template, the better ones first; none if too little of its source could be read.
    ///
    /// # Errors
    /// What is wrong with the template.
    pub fn write(&self, protocol: Protocol) -> Result<Vec<Written>, Problems> {
        match (&self.origin, &self.platform) {
            (Origin::Own(place, Some(own)), _) => own::check(place, &own.text).map(|()| vec![own.clone()]),
            (Origin::Own(_, None), _) => Ok(Vec::new()),
            (Origin::Made(Some(manifest)), Some(platform)) => {
                let template = Inputs { manifest, platform, protocol }.template()?;
                let yaml = Written { text: to_yaml(&template), ending: "yaml" };
                let json = Written { text: template.to_string(), ending: "json" };
                Ok(vec![yaml, json])
            }
            (Origin::Made(_), _) => Ok(Vec::new()),
        }
    }

    /// The refusal of a template that has so many bytes in the shortest way to write it.
    pub fn too_large(&self, bytes: usize, limit: &Limit) -> Problems {
        let message = match (&self.origin, &self.platform) {
            (Origin::Made(Some(manifest)), Some(platform)) => {
                format!("has {bytes} bytes as JSON without spaces: {}", limit.advice(&largest(manifest, platform)))
            }
            _ => format!("has {bytes} bytes: {}", limit.advice("Comments and indentation count too")),
        };
        Problems::one(&self.place(), message)
    }

    /// What a template is called in messages.
    pub fn place(&self) -> Place {
        match &self.origin {
            Origin::Own(place, _) => place.clone(),
            Origin::Made(_) => Place::whole("the template"),
        }
    }
}
