//! Certificates for the stand-in: a root, an intermediate and a leaf for `localhost`, the length of chain that AWS serves.

use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::NoServerSessionStorage,
};

/// What the stand-in shows, and what a function has to trust for it.
pub struct Authority {
    /// Serves TLS.
    pub tls: Arc<ServerConfig>,
    /// The root, as PEM.
    pub root_pem: String,
}

impl Authority {
    /// New keys and certificates.
    ///
    /// # Errors
    /// If one cannot be made.
    pub fn new() -> Result<Self> {
        let root_key = KeyPair::generate()?;
        let root_params = authority("Bench Root");
        let root = root_params.self_signed(&root_key)?;
        let root_issuer = Issuer::new(root_params, root_key);

        let middle_key = KeyPair::generate()?;
        let middle_params = authority("Bench Intermediate");
        let middle = middle_params.signed_by(&middle_key, &root_issuer)?;
        let middle_issuer = Issuer::new(middle_params, middle_key);

        let key = KeyPair::generate()?;
        let leaf = CertificateParams::new(["localhost".to_owned()])?.signed_by(&key, &middle_issuer)?;

        let mut tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf.der().clone(), middle.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .context("the stand-in's certificate")?;
        // AWS's services have a name each; here they share one, so without this the second would resume the first's session.
        tls.session_storage = Arc::new(NoServerSessionStorage {});
        tls.send_tls13_tickets = 0;
        Ok(Self { tls: Arc::new(tls), root_pem: root.pem() })
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params
}
