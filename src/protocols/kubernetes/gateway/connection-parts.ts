import type { Session } from '../../../gateway/engine.ts'
import type { Upstream } from '../../http/upstream/upstream.ts'
import type { KubernetesTarget } from '../target.ts'

/** What one connection of a client works with. */
export interface ConnectionParts {
  readonly session: Session<KubernetesTarget>
  readonly upstream: Upstream
  /** Tells the person, beside the client. */
  readonly tell: (notice: string) => void
}
