//! `canary render`: a deploy.json that the state machine takes.

use canary_core::request::Template;

use crate::{
    Failure, Protocol,
    args::RenderArgs,
    bucket::Bucket,
    deploy::{self, Draft},
    files,
    overrides::Override,
    problem::{Place, Problems},
    source::{Source, Written},
    template::{IN_BUCKET, IN_REQUEST},
};

/// Completes a deploy.json. Nothing is uploaded or written unless everything is right, and what it names is there before it is
/// written.
///
/// # Errors
/// Everything that is wrong, or what did not work.
pub fn render(args: &RenderArgs, variables: &[(String, String)]) -> Result<(), Failure> {
    let mut problems = Problems::default();
    let bucket = problems.take(Bucket::of(&args.bucket, variables));
    let overrides = Override::all(&args.set, &mut problems);
    let sha = problems.take(deploy::sha(&args.sha)).map(|sha| (sha, Place::whole("--sha")));
    let source = Source::read(args, variables, &mut problems);
    let image = problems.take(source.image(args.image.as_deref())).flatten();

    let mut draft = problems.take(files::read(&args.deploy).and_then(|file| Draft::parse(&file.name, &file.text)));
    let request = draft.as_mut().and_then(|draft| {
        problems.take(draft.check_sha());
        overrides.iter().for_each(|field| field.apply(draft));
        draft.set_or_stand_in("Sha", sha);
        draft.set_or_stand_in("ContainerImage", image);
        let request = problems.take(draft.request())?;
        problems.take(source.check_agreement(&request, draft));
        Some(request)
    });

    // What else is wrong with the template does not depend on the protocol of a request that has to be changed anyway.
    let protocol = request.as_ref().map_or(Protocol::Http, |request| request.protocol);
    let ways = problems.take(source.write(protocol)).unwrap_or_default();
    let chosen = bucket.and_then(|bucket| problems.take(choose(ways, bucket, &source)).flatten());

    let ready = draft.zip(request).zip(chosen);
    let Some(((draft, request), (template, bucket))) = problems.unless_any(ready)? else {
        unreachable!("what is not there was a problem")
    };
    if let Some(note) = source.note() {
        eprintln!("{note}");
    }
    let completed = match bucket {
        None => draft.complete(&Template::Body(template.text), source.place())?,
        Some(bucket) => {
            let object = bucket.object(&request, &template)?;
            let completed = draft.complete(&Template::Url(object.url()), source.place())?;
            object.upload(&template.text)?;
            completed
        }
    };
    files::write(Some(args.output.as_deref().unwrap_or(&args.deploy)), &completed)
}

/// The first way to write a template that fits into a request, else the first that fits into the bucket, and that bucket.
fn choose(
    ways: Vec<Written>,
    bucket: Option<Bucket>,
    source: &Source,
) -> Result<Option<(Written, Option<Bucket>)>, Problems> {
    let shortest = ways.iter().map(|way| way.text.len()).min();
    let fitting = |bytes: usize| ways.iter().find(|way| way.text.len() <= bytes).cloned();
    let Some(shortest) = shortest else { return Ok(None) };
    if let Some(template) = fitting(IN_REQUEST.bytes) {
        return Ok(Some((template, None)));
    }
    let Some(bucket) = bucket else { return Err(source.too_large(shortest, &IN_REQUEST)) };
    bucket.region()?;
    match fitting(IN_BUCKET.bytes) {
        Some(template) => Ok(Some((template, Some(bucket)))),
        None => Err(source.too_large(shortest, &IN_BUCKET)),
    }
}
