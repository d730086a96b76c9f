import type { Recorder } from '../recording/recorder.ts'
import type { HashKeys } from '../masking/replace.ts'
import type { MaskingPlan } from '../masking/plan.ts'
import type { Grant } from '../access/grant.ts'
import type { Facts, Person, Target } from '../policy/command.ts'
import type { CredentialLease } from '../credentials/credential.ts'
import type { Channel } from '../shared/channel.ts'
import type { PamError } from '../shared/errors.ts'
import type { Logger } from '../shared/logger.ts'
import type { TargetConfig } from './target.ts'

/** All that a protocol must satisfy. It alone knows its wire format; the core never sees bytes. */
export interface Engine<Hello = unknown> {
  readonly protocol: string
  /**
   * `per-connect` where clients open many connections: those of one login as one account share a session, with one grant, one record and
   * one entry among the live ones. `serve` is given each as if it were alone: `ended` and `end` are the connection's.
   */
  readonly sessions?: 'per-connect'
  /**
   * Reads what the client says first; where servers speak first, it greets. Nothing has been opened for it yet and nothing reaches the target. `handled` where that was
   * all: a connection that only cancels what another one of the same person runs.
   */
  greet(client: Channel, caller: Caller, limits: HandshakeLimits): Promise<Greeting<Hello> | 'handled'>
  /** The connection from here to its end; resolves when both sides are closed. `tell`: for protocols that cannot tell a person while a client waits. */
  serve(client: Channel, hello: Hello, session: Session, tell: (notice: string) => void): Promise<void>
  /**
   * What a command says by itself, with nothing connected: for testing rules. Names are taken for tables of `public`, or of the target's
   * default database; functions for the system's.
   */
  read(text: string, target?: TargetConfig): Promise<{ readonly facts: Facts; readonly refusal: PamError | undefined }>
  /** Logs in to the target and out again, within the limits; what is worth saying of it. Fails as a session would. */
  probe(target: TargetConfig, lease: CredentialLease, limits: ConnectLimits): Promise<Probe>
  /** Says no in the client's own protocol, then closes. */
  refuse(client: Channel, error: PamError): void | Promise<void>
  /** What the gateway itself shows to clients of this protocol. */
  facts(): { readonly hostKeys?: readonly string[] }
  close(): Promise<void>
}

/** What a target said of itself. */
export interface Probe {
  readonly details: readonly string[]
  readonly warnings: readonly string[]
  /** Where it has any: the columns of its relations by the relation's full name, the system's own without columns. */
  readonly relations?: ReadonlyMap<string, readonly string[]>
}

/** Who connects, to what. Whether there is access is asked when the client has said who it wants to be. */
export interface Caller {
  readonly personId: string
  readonly target: TargetConfig
}

export interface Greeting<Hello> {
  readonly hello: Hello
  /** What the client wants to be on the target, where its protocol says so. */
  readonly account?: string
}

export interface HandshakeLimits {
  /** Milliseconds. */
  readonly handshake: number
}

export interface ConnectLimits extends HandshakeLimits {
  /** Milliseconds, and bytes, for reading what a target says of its objects. */
  readonly catalogs: number
  readonly catalogBytes: number
}

/** One person's connection to one target. */
export interface Session<C extends TargetConfig = TargetConfig> {
  readonly id: string
  readonly person: Person
  readonly target: Target
  readonly config: C
  /** The target as it is configured now: a reload changes it under a live session. */
  configNow(): C
  readonly grant: Grant
  readonly lease: CredentialLease
  readonly masking: MaskingPlan
  /** The server itself must refuse to write, too. */
  readonly readOnly: boolean
  readonly recorder: Recorder
  readonly limits: ConnectLimits & {
    readonly statementBytes: number
    readonly resultMessageBytes: number
  }
  readonly logger: Logger
  /** Aborts when the session must end; the reason is a PamError. */
  readonly ended: AbortSignal
  end(reason: PamError): void
  /** Records the command, asks policy, and for a hold files an approval. Forward only on `forward`. */
  decide(command: CommandDraft): Decision
  /**
   * What `decide` says again and again of commands that differ from this one in nothing but their parameters: it is allowed. Undefined where it has
   * to be asked each time.
   */
  repeated(command: CommandDraft): RepeatedCommand | undefined
  /** Refuses early what policy denies whatever its parameters are: that is on record then. Nothing else is. */
  preview(command: CommandDraft): PamError | undefined
  /** Whether policy denies it, with nothing on record: before the target is asked about a command that is decided on afterwards. */
  denies(command: CommandDraft): boolean
  /** Whether the rules of now allow, or deny, each command by its text alone, whatever is found out about it on the target. */
  decidesByText(): boolean
  /** Keys for the stand-ins of masked values. */
  readonly hashKeys: HashKeys
  /** A keyed digest, so that nothing can be guessed back from it. */
  commitment(text: string): string
  /** Its key, for a thread that makes the same ones (`commitmentsUnder`). */
  readonly commitmentKey: Uint8Array
}

export interface CommandDraft {
  readonly text: string
  readonly parameters: readonly (string | null)[]
  readonly facts: Facts
  /** Text and parameters as they may be kept for ever. */
  readonly recorded: Recordable
  /** Values that masked columns are compared with: counted against what the grant allows. */
  readonly comparisons: readonly { readonly column: string; readonly count: number; readonly budget: number }[]
  /** For the approver: what of it matters besides its effect. */
  notes(): readonly string[]
  /** For the approver, where it can be told without running anything of it: how much it touches, in words. */
  estimate(): Promise<string | undefined>
  /** Refused whatever policy says. */
  readonly refusal: PamError | undefined
  /**
   * It does nothing but fail, with this error, for something that is not there: it is answered so, unless the rules would refuse what it does were
   * that there, as `facts` say. Whoever may not see a thing is not told whether it exists.
   */
  readonly missing?: { readonly error: PamError; readonly facts: Facts } | undefined
  /** What an approval of it covers besides, where rules ask once per command; undefined where it covers nothing else. */
  readonly batch?: CommandBatch | undefined
  /** Why it is refused where no rule allows it as it is: nobody is asked about it. */
  readonly unread?: PamError | undefined
  /** What the effect depends on besides the text: settings, role. Part of what an approval is bound to. */
  readonly context: Readonly<Record<string, string>>
  /** Whether it runs within a transaction that the client has begun: locks that it holds stay while somebody decides. */
  readonly inTransaction: boolean
  /** The same command looked at again, right before an approved one is forwarded. */
  again(): Promise<CommandDraft>
}

/**
 * A request of a client's command that sends several. That they belong together is only what the client says: whoever decides is shown all
 * that an approval covers, and it covers nothing else.
 */
export interface CommandBatch {
  /** What this one does, without what may differ between those that one approval covers. */
  readonly item: string
  /** What others do that an approval of this one covers: their `item`. */
  readonly covers: readonly string[]
  /** How many of them. */
  readonly limit: number
  /** All of that for whoever decides; empty where there is nothing. */
  readonly shown: readonly string[]
}

/** A command that was allowed, and may come again with other parameters. */
export interface RepeatedCommand {
  /** Whether it would be allowed now: by the very rules that it was allowed by, in a session that goes on. */
  readonly isAllowed: boolean
  /** Puts it on record, as `decide` would now. `recorded`: the parameters as they may be kept for ever. Returns the decision's id. */
  record(parameters: CommandDraft['parameters'], recorded: CommandDraft['parameters'], inTransaction: boolean): string
  /** The same of another text that does the same, and has no parameters. `recorded`: as it may be kept for ever. */
  recordText(text: string, recorded: string, inTransaction: boolean): string
}

export interface Recordable {
  readonly text: string
  readonly parameters: readonly (string | null)[]
  /** The text as it was sent, where nobody can tell what in it is secret: the record has it as a detached text. */
  readonly detached?: string
}

export type Decision = Verdict | Hold

export type Verdict =
  | { readonly type: 'forward'; readonly id: string }
  | { readonly type: 'refuse'; readonly id: string; readonly error: PamError }

/** A person decides. The engine keeps the bytes, tells the client, and waits. */
export interface Hold {
  readonly type: 'hold'
  readonly id: string
  /** The id of the approval that it waits for. */
  readonly approval: string
  /** For the client, at once. */
  readonly notice: string
  readonly verdict: Promise<Verdict>
  /** The client has cancelled it. */
  withdraw(): void
}

/** A session of an engine's own kind of target: the list of protocols gives each engine its own alone. */
export function sessionFor<C extends TargetConfig>(type: C['type'], session: Session): Session<C> {
  if (session.config.type !== type) throw new Error(`${session.config.name} is not a target of type ${type}`)
  return session as Session<C>
}
