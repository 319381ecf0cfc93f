//! Answers remembered by client token, so that a repeated request is answered again and not done again.

use std::collections::VecDeque;

use serde_json::Value;

use super::{Address, State};
use crate::fault::{Code, Fault};

/// How many answers are remembered; SDKs make up a token for every request, so the oldest must go.
const REMEMBERED: usize = 1000;

#[derive(Debug, Default)]
pub(super) struct Answers(VecDeque<Answer>);

/// A request that names a client token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub operation: &'static str,
    pub address: Address,
    /// The body without the token.
    pub body: Value,
}

#[derive(Debug)]
struct Answer {
    token: String,
    request: Request,
    answer: Value,
}

impl Answers {
    /// Forgets the answers about a resource: once it is deleted, the same request means a new one.
    pub fn forget(&mut self, address: &Address) {
        self.0.retain(|known| known.request.address != *address);
    }
}

impl State {
    /// Does what is asked, unless the same token came with the same request before. A token that came with
    /// another request is refused.
    pub fn once(
        &mut self,
        token: Option<&str>,
        request: Request,
        act: impl FnOnce(&mut Self) -> Result<Value, Fault>,
    ) -> Result<Value, Fault> {
        let Some(token) = token else {
            return act(self);
        };
        let known = self.answers.0.iter().find(|known| known.token == token);
        if let Some(known) = known {
            return match known.request == request {
                true => Ok(known.answer.clone()),
                false => {
                    Err(Fault::new(Code::Conflict, format!("client token `{token}` was used for another request")))
                }
            };
        }
        let answer = act(self)?;
        if self.answers.0.len() == REMEMBERED {
            self.answers.0.pop_front();
        }
        self.answers.0.push_back(Answer { token: token.to_owned(), request, answer: answer.clone() });
        Ok(answer)
    }
}
