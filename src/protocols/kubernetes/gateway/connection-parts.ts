import type { CommandReader } from '../../../host/command/command-reader.ts'
import type { Session, Verdict } from '../../../gateway/engine.ts'
import type { BodyRoom } from '../../http/server/body-room.ts'
import type { Upstream } from '../../http/upstream/upstream.ts'
import type { SecondAttempts } from '../streams/second-attempts.ts'
import type { KubernetesTarget } from '../target.ts'
import type { KubernetesCommand } from './read-command.ts'

/** What one connection of a client works with. */
export interface ConnectionParts {
  /** Of port-forward: whether one of its connections may be opened. `left`: nobody waits for it any more. */
  readonly decidePort: (command: KubernetesCommand, port: number, left: AbortSignal) => Promise<Verdict>
  readonly session: Session<KubernetesTarget>
  readonly upstream: Upstream
  readonly reader: Pick<CommandReader, 'readWords'>
  /** Of all sessions. */
  readonly attempts: SecondAttempts
  /** For the bodies of requests, of all sessions. */
  readonly bodies: BodyRoom
  /** The port of the agent that the client came through; undefined for what has none. */
  readonly port: number | undefined
  /** Tells the person, beside the client. */
  readonly tell: (notice: string) => void
}
