import type { SshCertificateRequest } from '../../secrets.ts'
import type { StoreReference } from '../../store-reference.ts'
import { isSuccess, refusedBy } from '../ask-store.ts'
import { checkSecret, objectOf, own, StoreFailure } from '../store.ts'
import type { VaultClient } from './vault-client.ts'

/**
 * Has Vault's SSH engine sign a certificate for a user (api-docs/secret/ssh, Sign SSH key). Whether it is what was asked for is for the caller to
 * find out: a role has defaults and templates of its own. Throws StoreFailure.
 */
export async function signSshKey(
  client: VaultClient,
  { mount, role }: Extract<StoreReference, { readonly store: 'vault-ssh' }>,
  { publicKey, principals, keyId, lasts, criticalOptions, extensions }: SshCertificateRequest,
): Promise<string> {
  const { status, json } = await client.request('POST', [...mount, 'sign', role], {
    public_key: publicKey,
    cert_type: 'user',
    valid_principals: principals.join(','),
    key_id: keyId,
    ttl: lasts,
    critical_options: Object.fromEntries(criticalOptions.map(({ name, value }) => [name, value])),
    extensions: Object.fromEntries(extensions.map((name) => [name, ''])),
  })
  if (status === 400) throw new StoreFailure('secret', NOT_ALLOWED)
  if (!isSuccess(status)) throw refusedBy(status)
  return checkSecret(own(objectOf(own(json, 'data')), 'signed_key'))
}

const NOT_ALLOWED =
  'does not sign what the target asks for (400): its role needs allow_user_certificates, allow_user_key_ids, and allowed_users, allowed_extensions, allowed_critical_options and max_ttl that cover the target'
