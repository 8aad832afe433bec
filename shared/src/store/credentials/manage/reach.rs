//! Whether the table can be reached, and at which endpoint.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::types::AttributeValue;

use super::Unreached;
use crate::store::{Store, key, problem};

/// Records the URL that requests are sent to.
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
    /// Reads an item that does not exist, to check that the table can be used.
    pub async fn reach(&self) -> Result<(), Unreached> {
        let destination = Destination::default();
        let request = self.table.client.get_item().table_name(&self.table.name);
        let nowhere = AttributeValue::S(key::NOWHERE.to_owned());
        let request = request.key(key::PK, nowhere.clone()).key(key::SK, nowhere);
        let response = request
            .customize()
            .interceptor(destination.clone())
            .send()
            .await;
        match response {
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
