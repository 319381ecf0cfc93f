//! What of a request has to agree with what is live.

use canary_core::{
    Error, Result,
    ports::{Listening, TrafficRouter},
    service::{Service, Version},
};

/// A version that speaks what the router does not take would get a route of another kind, or none of the traffic.
pub async fn protocol(service: &Service, router: &impl TrafficRouter) -> Result<()> {
    let name = &service.microservice_name;
    match router.listens(&service.environment_name, name).await? {
        Listening::Nowhere(missing) => Err(no_such_service(name, &missing)),
        Listening::For(taken) if taken.is_empty() || taken.contains(&service.protocol) => Ok(()),
        Listening::For(taken) => {
            let allowed: Vec<_> = taken.iter().map(|protocol| format!("`{protocol}`")).collect();
            Err(Error::InvalidInput(format!(
                "`Protocol` is `{}`: allowed is what the router of `{name}` listens for, {}",
                service.protocol,
                allowed.join(" or ")
            )))
        }
    }
}

/// To repair a service that is not there would seem done, with the name misspelt.
pub async fn exists(environment: &str, microservice: &str, router: &impl TrafficRouter) -> Result<()> {
    match router.listens(environment, microservice).await? {
        Listening::Nowhere(missing) => Err(no_such_service(microservice, &missing)),
        Listening::For(_) => Ok(()),
    }
}

fn no_such_service(name: &str, missing: &str) -> Error {
    Error::InvalidInput(format!(
        "`MicroserviceName` is `{name}`: {missing}; allowed is a service whose pipeline stack is deployed"
    ))
}

/// A version in another namespace than the live one would not be found by those who call it.
pub async fn namespace(service: &Service, stable: &Version, router: &impl TrafficRouter) -> Result<()> {
    match router.namespace(service, &stable.name).await? {
        Some(live) if live != service.namespace => Err(Error::InvalidInput(format!(
            "`Namespace` is `{}`: allowed is the namespace of the live version `{}`, `{live}`",
            service.namespace, stable.name
        ))),
        _ => Ok(()),
    }
}
