//! The errors that the API answers with.

use axum::http::StatusCode;

/// A refused request: an error code that SDKs know, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Fault {
    pub code: Code,
    pub message: String,
}

/// The API's error codes, as far as this implementation has a cause for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    BadRequest,
    Conflict,
    NotFound,
    ResourceInUse,
    TooManyTags,
    /// Not App Mesh's own: how AWS services answer a path or method that no operation has.
    UnknownOperation,
}

impl Code {
    /// The name by which SDKs tell errors apart.
    pub fn name(self) -> &'static str {
        match self {
            Code::BadRequest => "BadRequestException",
            Code::Conflict => "ConflictException",
            Code::NotFound => "NotFoundException",
            Code::ResourceInUse => "ResourceInUseException",
            Code::TooManyTags => "TooManyTagsException",
            Code::UnknownOperation => "UnknownOperationException",
        }
    }

    pub fn status(self) -> StatusCode {
        match self {
            Code::BadRequest | Code::TooManyTags => StatusCode::BAD_REQUEST,
            Code::Conflict | Code::ResourceInUse => StatusCode::CONFLICT,
            Code::NotFound | Code::UnknownOperation => StatusCode::NOT_FOUND,
        }
    }
}

impl Fault {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, message }
    }

    /// A member of the request that is not as it must be.
    pub fn invalid(member: &str, problem: impl std::fmt::Display) -> Self {
        Self::new(Code::BadRequest, format!("`{member}`: {problem}"))
    }
}
