//! Who a statement runs for.

use super::named_data::NamedData;
use crate::model::{Role, UserId};
use crate::security::{Actor, AuditRecord};

/// Who a statement runs for, and where its unqualified names are looked up.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) user: UserId,
    pub(crate) role: Role,
    pub(crate) namespace: String,
    /// Whose session it is, where EXECUTE AS USER made it another's statement.
    pub(crate) session: Option<(UserId, Role)>,
    /// What the program handed in, which queries find before tables.
    pub(crate) data: NamedData,
}

impl Caller {
    /// The caller of a session's own statements.
    pub(crate) fn new(user: UserId, role: Role, namespace: String) -> Caller {
        Caller { user, role, namespace, session: None, data: NamedData::default() }
    }

    /// The same, with data that the program handed in.
    pub(crate) fn with_data(self, data: NamedData) -> Caller {
        Caller { data, ..self }
    }

    /// The same session with the identity and the rights of another user.
    pub(crate) fn as_subject(&self, user: UserId, role: Role) -> Caller {
        let session = Some((self.user.clone(), self.role));
        let (namespace, data) = (self.namespace.clone(), self.data.clone());
        Caller { user, role, namespace, session, data }
    }

    /// The audit record of something that the caller does.
    pub(crate) fn did(&self, action: &'static str, object: Option<String>) -> AuditRecord {
        let (user, role, subject) = match &self.session {
            Some((user, role)) => (user.clone(), *role, Some(self.user.clone())),
            None => (self.user.clone(), self.role, None),
        };
        AuditRecord::new(Actor { user: Some(user), role: Some(role), subject }, action, object)
    }
}
