import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { boundedRequest } from '../shared/bounded-request.ts'
import type { Clock } from '../shared/clock.ts'
import { fileProblem } from '../shared/file-problem.ts'
import { resolveSecret, type SecretReference } from './secret-reference.ts'
import type { Stores } from './store-secrets.ts'
import { AwsCredentials } from './stores/aws/aws-credentials.ts'
import type { AwsService } from './stores/aws/aws-json.ts'
import { rdsToken } from './stores/aws/rds-token.ts'
import { secretsManager } from './stores/aws/secrets-manager.ts'
import { AzureTokens, type AzureAuth } from './stores/azure/azure-token.ts'
import { keyVault } from './stores/azure/key-vault.ts'
import { GoogleTokens } from './stores/gcp/google-token.ts'
import { secretManager } from './stores/gcp/secret-manager.ts'
import { googleKmsMasterKey, type GoogleKmsParts } from './stores/sealed/google-kms-master-key.ts'
import { kmsMasterKey } from './stores/sealed/kms-master-key.ts'
import { localMasterKey, transitMasterKey, type MasterKey } from './stores/sealed/master-key.ts'
import { sealedStore, type SealedHistory, type SealedParts } from './stores/sealed/sealed-store.ts'
import { StoreFailure } from './stores/store.ts'
import { VaultClient, type VaultSettings } from './stores/vault/vault-client.ts'
import { VaultDatabase, type LeaseLedger } from './stores/vault/vault-database.ts'
import { vaultKv } from './stores/vault/vault-kv.ts'
import { signSshKey } from './stores/vault/vault-ssh.ts'

/** The stores of the configuration; those that are not named are not asked. Files are relative to the base directory. */
export interface StoreSettings {
  /** Milliseconds. */
  readonly cacheFor: number
  readonly vault?: (VaultSettings & { readonly ca?: string | undefined }) | undefined
  readonly aws?:
    | {
        readonly region: string
        readonly url?: string | undefined
        readonly stsUrl?: string | undefined
        readonly kmsUrl?: string | undefined
        readonly ca?: string | undefined
      }
    | undefined
  readonly gcp?:
    | {
        readonly serviceAccountKey?: SecretReference | undefined
        readonly url?: string | undefined
        readonly kmsUrl?: string | undefined
        readonly ca?: string | undefined
      }
    | undefined
  readonly azure?:
    | {
        readonly auth: AzureAuth
        /** With `{vault}` in place of the name. */
        readonly url: string
        readonly resource: string
        readonly authority?: string | undefined
        readonly ca?: string | undefined
      }
    | undefined
  readonly sealed?:
    { readonly masterKey: MasterKeySettings; readonly previousMasterKeys: readonly MasterKeySettings[] } | undefined
}

export type MasterKeySettings =
  | { readonly type: 'key'; readonly key: SecretReference }
  | { readonly type: 'transit'; readonly mount: string; readonly name: string }
  | { readonly type: 'aws-kms'; readonly key: string }
  | { readonly type: 'gcp-kms'; readonly key: string }

export interface StoresParts {
  readonly baseDirectory: string
  /** Where sealed secrets are kept. */
  readonly sealedFile: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly ledger: LeaseLedger
  readonly history: SealedHistory
}

export interface CreatedStores extends Stores {
  /** What sealed secrets are changed with; undefined where no master key is configured. */
  readonly sealed: SealedParts | undefined
  /** Revokes users of databases that a session or a crash left behind; resolves to how many are left. */
  sweep(): Promise<number>
  close(): void
}

/** Builds the stores that the configuration names. Nothing is asked before a secret is needed. */
export function createStores(settings: StoreSettings, parts: StoresParts): CreatedStores {
  const { baseDirectory, environment, clock } = parts
  const send = boundedRequest
  const secretOf = (reference: SecretReference): string => resolveSecret(reference, baseDirectory)
  const fileOf = (path: string): string => readPlain(resolve(baseDirectory, path), path)
  const caOf = (file: string | undefined): string | undefined => (file === undefined ? undefined : fileOf(file))
  const { vault, aws, gcp, azure } = settings
  const client = vault && new VaultClient(vault, { secretOf, ca: caOf(vault.ca), clock, send })
  const database = client && new VaultDatabase(client, parts.ledger, clock)
  const kv = client && vaultKv(client)
  const awsKeys =
    aws && new AwsCredentials({ region: aws.region, stsUrl: aws.stsUrl, environment, readFile: fileOf, clock, send })
  const amazonAt = (service: string, region: string, url: string | undefined): AwsService | undefined =>
    aws && awsKeys && { region, service, url, ca: caOf(aws.ca), credentials: awsKeys, clock, send }
  const secretsAt = aws && amazonAt('secretsmanager', aws.region, aws.url)
  const amazon = secretsAt && secretsManager(secretsAt)
  const keyFile = gcp?.serviceAccountKey
  const tokens = gcp && new GoogleTokens({ keyFile: keyFile && (() => secretOf(keyFile)), environment, clock, send })
  const google = gcp && tokens && secretManager({ url: gcp.url, ca: caOf(gcp.ca), tokens, send })
  const microsoft =
    azure &&
    keyVault({
      urlOf: (name) => azure.url.replace('{vault}', name).replace(/\/$/, ''),
      ca: caOf(azure.ca),
      tokens: new AzureTokens(azure.resource, {
        ...azure,
        authority: azure.authority,
        environment,
        secretOf,
        readFile: fileOf,
        clock,
        send,
      }),
      send,
    })
  const kmsOf = (region: string): AwsService | undefined => amazonAt('kms', region, aws?.kmsUrl)
  const googleKms = gcp && tokens && { url: gcp.kmsUrl, ca: caOf(gcp.ca), tokens, send }
  const sealed = sealedParts(settings, { file: parts.sealedFile, secretOf, client, kmsOf, googleKms })
  const kept = sealed && sealedStore(sealed, parts.history)
  return {
    sealed,
    read(reference) {
      switch (reference.store) {
        case 'vault':
          return kv?.read(reference)
        case 'aws-sm':
          return amazon?.read(reference)
        case 'gcp-sm':
          return google?.read(reference)
        case 'azure-kv':
          return microsoft?.read(reference)
        case 'secret':
          return kept?.read(reference)
        case 'vault-db':
        case 'vault-ssh':
          return undefined
      }
    },
    databaseUser: (reference) => database?.lease(reference),
    sshCertificate: (reference, request) => client && signSshKey(client, reference, request),
    identityToken(request) {
      switch (request.type) {
        case 'rds':
          return awsKeys?.keys().then((keys) => rdsToken(request, keys, clock.now()))
        case 'cloud-sql':
          return tokens?.token('https://www.googleapis.com/auth/sqlservice.login')
      }
    },
    sweep: () => database?.sweep() ?? Promise.resolve(0),
    close: () => client?.close(),
  }
}

function sealedParts(
  { sealed }: StoreSettings,
  {
    file,
    secretOf,
    client,
    kmsOf,
    googleKms,
  }: {
    readonly file: string
    readonly secretOf: (reference: SecretReference) => string
    readonly client: VaultClient | undefined
    readonly kmsOf: (region: string) => AwsService | undefined
    readonly googleKms: GoogleKmsParts | undefined
  },
): SealedParts | undefined {
  if (sealed === undefined) return undefined
  const masterOf = (settings: MasterKeySettings): MasterKey => {
    if (settings.type === 'key') return localMasterKey(secretOf(settings.key))
    if (settings.type === 'aws-kms') {
      const service = kmsOf(settings.key.split(':')[3] ?? '')
      if (service !== undefined) return kmsMasterKey(service, settings.key)
      throw new StoreFailure('store', 'has its master key in AWS KMS, and secrets.aws is not configured')
    }
    if (settings.type === 'gcp-kms') {
      if (googleKms !== undefined) return googleKmsMasterKey(googleKms, settings.key)
      throw new StoreFailure('store', 'has its master key in Google Cloud KMS, and secrets.gcp is not configured')
    }
    if (client === undefined)
      throw new StoreFailure('store', 'has its master key in Vault, and secrets.vault is not configured')
    return transitMasterKey(client, settings.mount, settings.name)
  }
  return {
    file,
    master: () => masterOf(sealed.masterKey),
    previous: () => sealed.previousMasterKeys.map(masterOf),
  }
}

function readPlain(path: string, name: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new StoreFailure('store', fileProblem(name, error))
  }
}
