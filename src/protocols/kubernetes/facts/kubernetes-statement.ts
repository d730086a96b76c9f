import type { Statement } from '../../../policy/command.ts'

/** What one request does: one statement, and one more for each object that it reaches besides its own. */
export interface KubernetesFacts {
  readonly type: 'kubernetes'
  readonly statements: readonly KubernetesStatement[]
}

/**
 * `reads` and `writes` are `NAMESPACE/RESOURCE[.GROUP]/NAME`: `*` for any, an empty namespace for what is in none. `kinds` begins with what
 * the request is (`get`, `create`, `exec`, `discovery`); what its body does adds to it (`scale-to-zero`, `privileged-pod`).
 */
export interface KubernetesStatement extends Statement {
  readonly type: 'kubernetes'
  /** As the API server calls it; outside resources the method in lower case. */
  readonly verb: string
  /** Empty for the core group, and outside resources. */
  readonly group: string
  readonly resource: string
  readonly subresource: string
  /** Empty where the request names none, or where the object is in none. */
  readonly namespace: string
  /** Whether it may be about objects of every namespace. */
  readonly allNamespaces: boolean
  /** Empty where the request names none. */
  readonly name: string
  /** Outside resources. */
  readonly path: string
  /** The server keeps nothing of it. */
  readonly dryRun: boolean
  /** Settings of pods that reach beyond them, and other fields that matter: `host-path`, `capabilities`, `node-name`. */
  readonly settings: readonly string[]
  readonly images: readonly string[]
  /** Why only somebody who knows the resource can tell what it does: a rule that names the resource has answered that. */
  readonly opaque: readonly string[]
}
