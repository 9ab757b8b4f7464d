//! Identity providers and their mappers of a partial import.

use std::collections::HashMap;

use realm::identity_provider::{
    self, IdentityProvider, IdentityProviderMapperRepresentation, IdentityProviderRepresentation,
    Mapper,
};
use store::Connection;
use uuid::Uuid;

use super::{ADDED, OVERWRITTEN, Policy, SKIPPED, Work, exists, taken};
use crate::HttpError;
use crate::provision::identity_providers::{check_mapper, check_provider, no_provider};

impl Work<'_> {
    pub(super) async fn identity_providers(
        &mut self,
        db: &mut Connection,
        providers: Vec<IdentityProviderRepresentation>,
        mappers: Vec<IdentityProviderMapperRepresentation>,
    ) -> Result<(), HttpError> {
        let realm = self.realm.id;
        // What is there is looked for before anything of it goes with its provider.
        let mut known: HashMap<(String, String), Uuid> = HashMap::new();
        if !mappers.is_empty() {
            let all = identity_provider::all_mappers(&mut *db, realm).await?;
            known.extend(
                all.into_iter()
                    .map(|(alias, mapper)| ((alias, mapper.name), mapper.id)),
            );
        }
        for mut rep in providers {
            check_provider(self.realm.settings.ssl_required, &rep)?;
            let alias = rep.alias.clone().unwrap_or_default();
            let found = identity_provider::find(&mut *db, realm, &alias).await?;
            let found = found.filter(|found| found.alias == alias);
            let action = match (&found, self.policy) {
                (None, _) => ADDED,
                (Some(_), Policy::Fail) => {
                    let text = format!("Identity Provider '{alias}' already exists.");
                    return Err(exists(&text));
                }
                (Some(found), Policy::Skip) => {
                    self.tell(SKIPPED, "IDP", &alias, found.id);
                    continue;
                }
                (Some(found), Policy::Overwrite) => {
                    identity_provider::delete(&mut *db, realm, found.id).await?;
                    OVERWRITTEN
                }
            };
            rep.internal_id = None;
            let provider = IdentityProvider::from_rep(&self.state.sealer, realm, rep, None)?;
            identity_provider::create(&mut *db, realm, &provider)
                .await
                .map_err(taken)?;
            self.tell(action, "IDP", &alias, provider.id);
        }
        for mut rep in mappers {
            check_mapper(&rep)?;
            rep.id = None;
            let alias = rep.identity_provider_alias.clone().unwrap_or_default();
            let provider = identity_provider::find(&mut *db, realm, &alias).await?;
            let provider = provider.filter(|found| found.alias == alias);
            let provider = provider.ok_or_else(|| no_provider(&alias))?;
            let mapper = Mapper::from_rep(rep)?;
            let name = mapper.name.clone();
            let action = match (known.get(&(alias, name.clone())), self.policy) {
                (None, _) => ADDED,
                (Some(_), Policy::Fail) => {
                    // Without a blank, as Keycloak has it.
                    let text = format!("Identity Provider Mapper'{name}' already exists.");
                    return Err(exists(&text));
                }
                (Some(found), Policy::Skip) => {
                    self.tell(SKIPPED, "IDP_MAPPER", &name, *found);
                    continue;
                }
                (Some(found), Policy::Overwrite) => {
                    identity_provider::delete_mapper(&mut *db, realm, provider.id, *found).await?;
                    OVERWRITTEN
                }
            };
            identity_provider::create_mapper(&mut *db, realm, provider.id, &mapper)
                .await
                .map_err(taken)?;
            self.tell(action, "IDP_MAPPER", &name, mapper.id);
        }
        Ok(())
    }
}
