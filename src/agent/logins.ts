import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { createProver, type Prover } from '../gateway-client/prover.ts'
import { variable } from '../shared/environment.ts'
import { asPamError, PamError } from '../shared/errors.ts'
import type { JWK } from 'jose'
import type { ControlMethods, ProfileInfo } from './control-messages.ts'
import { KnownClients } from './known-clients.ts'
import { LoginKeeper, serviceToken, type StoredLogin } from './login-keeper.ts'
import type { Paths } from './paths.ts'
import { SignInAttempts } from './sign-in-attempts.ts'
import { createPrivately, openSecretStore, writePrivately, type SecretStore } from './secret-store.ts'

export interface LoginsEvents {
  lost(profile: string, error: PamError): void
  notice(profile: string, message: string): void
  /** The identity behind the login has been verified. */
  proven(profile: string): void
}

/** The user's logins by profile: in memory while in use, in the keychain (or the file) between. */
export class Logins {
  readonly #paths: Paths
  readonly #keepers = new Map<string, LoginKeeper>()
  /** Logins that are being loaded. */
  readonly #loading = new Map<string, Promise<LoginKeeper | undefined>>()
  readonly #attempts = new SignInAttempts()
  readonly #clients: KnownClients
  readonly #events: LoginsEvents
  #secrets: { store: SecretStore; warning: string | undefined } | undefined

  constructor(paths: Paths, events: LoginsEvents) {
    this.#paths = paths
    this.#events = events
    this.#clients = new KnownClients(paths.knownClients)
  }

  /** See `check-client`. */
  async checkClient(params: ControlMethods['check-client']['params']): Promise<Record<string, never>> {
    const { gateway, issuer, clientId, allowShared } = params
    if (!allowShared) this.#clients.check(gateway, { issuer, clientId }, await this.#storedClients())
    return {}
  }

  /** The clients of logins that were stored before clients were noted. A gateway's own is no obstacle. */
  async #storedClients(): Promise<[string, { issuer: string; clientId: string }][]> {
    const stored: [string, { issuer: string; clientId: string }][] = []
    for (const name of await this.#names()) {
      const login = await this.#read(name)
      if (login !== undefined) stored.push([login.gateway, login])
    }
    return stored
  }

  async #names(): Promise<string[]> {
    const { store } = await this.#openSecrets()
    return [...new Set([...store.names(), ...this.#index().keys()])].toSorted()
  }

  /** See `prove-sign-in`. */
  async proveSignIn(params: ControlMethods['prove-sign-in']['params']): Promise<{ dpop: string }> {
    const { attempt, profile, gateway, method, url } = params
    if (new URL(url).origin !== new URL(gateway).origin)
      throw new PamError('USAGE', `this sign-in is for ${gateway}, and the call is for another host`)
    const prover = await this.#attempts.proverOf(attempt, async () => {
      const known = await this.find(profile)
      return known?.login.gateway === gateway ? known : undefined
    })
    return { dpop: await prover.prove(method, url) }
  }

  async signIn(params: ControlMethods['sign-in']['params']): Promise<ControlMethods['sign-in']['result']> {
    const { profile, gateway, ca, issuer, clientId, identityToken, refreshToken, attempt } = params
    await this.choose({ profile, gateway, signingIn: true })
    // Checked again right before the token is sent to the gateway.
    await this.checkClient(params)
    const known = await this.find(profile)
    const source = { kind: 'person', issuer, clientId, refreshToken } as const
    const signInAt = async (prover: Prover) => {
      const keeper = this.#keeper(profile, { gateway, ca, source: { ...source }, prover })
      return { keeper, prover, person: (await keeper.exchange(identityToken)).person }
    }
    // Signing in to the same gateway again keeps the key, so that open connections continue under the new proof. After signing out elsewhere that key is useless.
    const bound = attempt === undefined ? undefined : await this.#attempts.take(attempt)
    const { keeper, prover, person } = await signInAt(bound ?? known?.login.prover ?? (await createProver())).catch(
      async (error: unknown) => {
        if (bound !== undefined || known === undefined || asPamError(error).code !== 'KEY_SIGNED_OUT') throw error
        return signInAt(await createProver())
      },
    )
    // Open connections continue under the new sign-in; the old refresh token is no longer used.
    if (known?.isKeepingProven === true) keeper.keepProven()
    known?.stopProving()
    this.#keepers.set(profile, keeper)
    this.#clients.add(gateway, { issuer, clientId })
    const { store, warning } = await this.#openSecrets()
    this.#secrets = { store, warning: undefined } // said once
    this.#write(
      store,
      profile,
      { gateway, issuer, clientId, key: prover.privateJwk, label: person.label, ...(ca === undefined ? {} : { ca }) },
      refreshToken,
    )
    this.#indexed(profile, gateway)
    return { label: person.label, groups: person.groups, ...(warning === undefined ? {} : { warning }) }
  }

  /**
   * A login for this process only. One key is kept for each gateway: a token is bound to the key that it is first used with, so the next
   * command, and those that run at the same time, need the same key.
   */
  async signInService(
    params: ControlMethods['sign-in-service']['params'],
  ): Promise<ControlMethods['sign-in-service']['result']> {
    const { profile, gateway, ca, token, tokenFile } = params
    const prover = await this.#serviceProver(gateway)
    const source = { kind: 'service', token, tokenFile } as const
    const keeper = this.#keeper(profile, { gateway, ca, source, prover })
    const { person } = await keeper.exchange(serviceToken(source))
    this.#keepers.set(profile, keeper)
    return { label: person.label, groups: person.groups }
  }

  async #serviceProver(gateway: string): Promise<Prover> {
    const name = createHash('sha256').update(gateway).digest('hex').slice(0, 16)
    const file = `${this.#paths.serviceKeys}${name}.json`
    if (!existsSync(file)) createPrivately(file, JSON.stringify((await createProver()).privateJwk))
    try {
      return await createProver(JSON.parse(readFileSync(file, 'utf8')) as JWK)
    } catch (error) {
      throw new PamError('SECRET_STORE', `${file} does not hold a key`, {
        hint: 'remove the file, and give a new token: one that was used is bound to the key that is lost',
        cause: error,
      })
    }
  }

  /** The login of a profile if it is in memory. */
  loaded(profile: string): LoginKeeper | undefined {
    return this.#keepers.get(profile)
  }

  /** The login of a profile, loaded if necessary: once, however many callers ask, since a refresh token works once. */
  async find(profile: string): Promise<LoginKeeper | undefined> {
    const known = this.#keepers.get(profile)
    if (known !== undefined) return known
    const loading = this.#loading.get(profile) ?? this.#load(profile).finally(() => this.#loading.delete(profile))
    this.#loading.set(profile, loading)
    return loading
  }

  async #load(profile: string): Promise<LoginKeeper | undefined> {
    const stored = await this.#read(profile)
    if (stored === undefined) return undefined
    const { gateway, ca, issuer, clientId, refreshToken, key } = stored
    const prover = await createProver(key)
    // The user may have signed in meanwhile.
    const known = this.#keepers.get(profile)
    if (known !== undefined) return known
    const source = { kind: 'person', issuer, clientId, refreshToken } as const
    const keeper = this.#keeper(profile, { gateway, ca, source, prover })
    this.#keepers.set(profile, keeper)
    this.#indexed(profile, gateway)
    return keeper
  }

  /** See `choose-profile`. */
  async choose(
    wanted: ControlMethods['choose-profile']['params'],
  ): Promise<ControlMethods['choose-profile']['result']> {
    const { profile, gateway, signingIn = false } = wanted
    if (gateway === undefined) {
      const last = this.#clients.last()
      return { profile: profile ?? DEFAULT_PROFILE, ...(last === undefined ? {} : { lastGateway: last }) }
    }
    if (profile !== undefined) {
      const current = await this.#gatewayOf(profile)
      if (current === undefined || current === gateway) return { profile }
      throw new PamError('USAGE', `profile "${profile}" is signed in to ${current}, not to ${gateway}`, {
        hint: signingIn
          ? 'choose another --profile, or sign out of this one first: pamctl logout'
          : 'leave out --profile (PAMCTL_PROFILE) or --gateway (PAMCTL_GATEWAY)',
      })
    }
    const current = await this.#gatewayOf(DEFAULT_PROFILE)
    if (current === gateway) return { profile: DEFAULT_PROFILE }
    const logins: [string, string | undefined][] = []
    for (const name of await this.#names()) logins.push([name, await this.#gatewayOf(name)])
    const matching = logins.filter(([, at]) => at === gateway).map(([name]) => name)
    const [only] = matching
    if (matching.length > 1) {
      throw new PamError('USAGE', `several profiles are signed in to ${gateway}: ${matching.join(', ')}`, {
        hint: 'choose one with --profile',
      })
    }
    if (only !== undefined) return { profile: only }
    if (current === undefined) return { profile: DEFAULT_PROFILE }
    const how = loginCommand('NAME', gateway)
    // A host without a scheme means https, which nothing on loopback speaks by itself.
    const plain = gateway.replace(/^https:/, 'http:')
    const meant = plain !== gateway && logins.some(([, at]) => at === plain)
    throw signingIn
      ? new PamError('USAGE', `you are signed in to ${current}, and a profile is for one gateway`, {
          hint: `give the new one a name: ${how}; or sign out first: pamctl logout`,
        })
      : new PamError(
          'NOT_SIGNED_IN',
          `you are not signed in to ${gateway}; your logins are for ${logins.map(describeLogin).join(', ')}`,
          {
            hint: meant ? `did you mean --gateway ${plain}?` : `sign in: ${how}`,
          },
        )
  }

  async #gatewayOf(profile: string): Promise<string | undefined> {
    // The index answers where the keychain is locked.
    return (await this.find(profile))?.login.gateway ?? this.#index().get(profile)
  }

  /** Which profiles there are, since a keychain does not list what it holds. No secret is in it. */
  #index(): Map<string, string> {
    try {
      const index = JSON.parse(readFileSync(this.#paths.profiles, 'utf8')) as Record<string, { gateway: string }>
      return new Map(Object.entries(index).map(([profile, { gateway }]) => [profile, gateway]))
    } catch {
      return new Map()
    }
  }

  #indexed(profile: string, gateway: string | undefined): void {
    const index = this.#index()
    if (index.get(profile) === gateway) return
    if (gateway === undefined) index.delete(profile)
    else index.set(profile, gateway)
    const entries = [...index].map(([name, of]) => [name, { gateway: of }])
    writePrivately(this.#paths.profiles, JSON.stringify(Object.fromEntries(entries)))
  }

  async need(profile: string, gateway?: string): Promise<LoginKeeper> {
    const keeper = await this.find(profile)
    if (keeper === undefined) {
      const { store } = await this.#openSecrets()
      // A locked keychain reads as an empty one.
      const locked = store.kind === 'keychain' ? '; if you have signed in before, is the keychain locked?' : ''
      throw new PamError(
        'NOT_SIGNED_IN',
        profile === DEFAULT_PROFILE ? 'you are not signed in' : `profile "${profile}" is not signed in`,
        {
          hint: `sign in: ${loginCommand(profile, gateway ?? this.#index().get(profile) ?? this.#clients.last())}${locked}`,
        },
      )
    }
    return keeper
  }

  async info(profile: string): Promise<ProfileInfo | null> {
    const keeper = await this.find(profile)
    if (keeper === undefined) return null
    const { gateway, ca, source } = keeper.login
    const stored = await this.#read(profile)
    const { store } = await this.#openSecrets()
    return {
      gateway,
      label: stored?.label ?? keeper.person?.label ?? '',
      store: source.kind === 'person' ? store.kind : 'memory',
      isRenewable: source.kind === 'service' || source.refreshToken !== undefined,
      ...(ca === undefined ? {} : { ca }),
      ...(source.kind === 'person' ? { issuer: source.issuer, clientId: source.clientId } : {}),
    }
  }

  async logout(profile: string): Promise<{ gateway: string }> {
    const keeper = await this.need(profile)
    await keeper.logout()
    // A service's login is in memory only: what is stored under this name is a person's.
    if (keeper.login.source.kind === 'person') await this.#forget(profile)
    else this.#keepers.delete(profile)
    return { gateway: keeper.login.gateway }
  }

  async #forget(profile: string): Promise<void> {
    this.#keepers.delete(profile)
    const { store } = await this.#openSecrets()
    store.remove(profile)
    this.#indexed(profile, undefined)
  }

  #keeper(profile: string, login: LoginKeeper['login']): LoginKeeper {
    return new LoginKeeper(login, {
      store: (refreshToken) => void this.#keepRefreshToken(profile, refreshToken),
      lost: (error) => {
        if (login.source.kind === 'person') void this.#forget(profile)
        this.#events.lost(profile, error)
      },
      notice: (message) => this.#events.notice(profile, message),
      proven: () => this.#events.proven(profile),
    })
  }

  async #keepRefreshToken(profile: string, refreshToken: string | undefined): Promise<void> {
    const stored = await this.#read(profile)
    const { store } = await this.#openSecrets()
    if (stored !== undefined) this.#write(store, profile, stored, refreshToken)
  }

  #write(store: SecretStore, profile: string, login: StoredLogin, refreshToken: string | undefined): void {
    store.write(profile, JSON.stringify({ ...login, ...(refreshToken === undefined ? {} : { refreshToken }) }))
  }

  async #read(profile: string): Promise<StoredLogin | undefined> {
    const { store } = await this.#openSecrets()
    const text = store.read(profile)
    return text === undefined ? undefined : (JSON.parse(text) as StoredLogin)
  }

  async #openSecrets(): Promise<{ store: SecretStore; warning: string | undefined }> {
    this.#secrets ??= await openSecretStore(this.#paths.secrets, variable(process.env, 'PAMCTL_SECRET_STORE'))
    return this.#secrets
  }
}

/** The command that signs this profile in: a part of it left out would sign in another one. */
const loginCommand = (profile: string, gateway: string | undefined): string =>
  `pamctl login${profile === DEFAULT_PROFILE ? '' : ` --profile ${profile}`} --gateway ${gateway ?? 'URL'}`

const describeLogin = ([profile, gateway]: readonly [string, string | undefined]): string =>
  `${gateway} (${profile === DEFAULT_PROFILE ? 'default' : `profile ${profile}`})`

const DEFAULT_PROFILE = 'default'
