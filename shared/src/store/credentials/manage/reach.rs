//! Whether there is a database at all, and where it was looked for.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::types::AttributeValue;

use super::Unreached;
use crate::store::{Store, key, problem};

/// Notes where requests go.
#[derive(Clone, Debug, Default)]
struct Destination(Arc<Mutex<Option<String>>>);

impl Intercept for Destination {
    fn name(&self) -> &'static str {
        "destination"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let uri = context.request().uri().trim_end_matches('/').to_owned();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(uri);
        Ok(())
    }
}

impl Store {
    /// Asks the table for nothing in particular, to learn whether it can be used.
    pub async fn reach(&self) -> Result<(), Unreached> {
        let destination = Destination::default();
        let request = self.table.client.get_item().table_name(&self.table.name);
        let nowhere = AttributeValue::S(key::NOWHERE.to_owned());
        let request = request.key(key::PK, nowhere.clone()).key(key::SK, nowhere);
        let answer = request
            .customize()
            .interceptor(destination.clone())
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) => {
                let endpoint = destination.0.lock();
                Err(Unreached {
                    endpoint: endpoint.unwrap_or_else(PoisonError::into_inner).take(),
                    problem: problem(error),
                })
            }
        }
    }
}
