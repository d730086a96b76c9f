import { execFileSync } from 'node:child_process'
import { KUBE_GO } from './test-clients.ts'

/** What Kubernetes' own packages answer to each question: test/fixtures/clients/kube-go. */
export function askKubernetes(questions: readonly object[]): readonly Record<string, unknown>[] {
  if (KUBE_GO === undefined) throw new Error('kube-go is not installed')
  const input = questions.map((question) => JSON.stringify(question)).join('\n')
  const output = execFileSync(KUBE_GO, {
    input,
    maxBuffer: 256 * 1024 * 1024,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  return output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}
