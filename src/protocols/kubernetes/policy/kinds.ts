import { wordList } from '../../../shared/word-list.ts'

/** Every kind of request that the engine tells apart: what it is, and what its body does besides. */
export const kubernetesKinds: readonly string[] = wordList(`
    get list watch create update patch delete deletecollection
    log exec attach port-forward proxy shell file-read file-write file-list
    evict bind debug finalize status-change scale-to-zero delete-namespace privileged-pod
    token-request certificate self-review access-review rbac-change admission-change api-change
    discovery openapi health metrics server-logs server-debug server-path
  `)

/** Whoever may do these may do more than the rule says: a rule that allows or holds them names them in full. */
export const kindsNamedInFull: ReadonlySet<string> = new Set(
  wordList(`
    exec attach port-forward proxy bind debug status-change privileged-pod token-request certificate access-review
    rbac-change admission-change api-change server-logs server-debug server-path
  `),
)
