import type { Person } from '../../policy/command.ts'
import { decideCommand } from '../../policy/decide.ts'
import type { PolicyTest } from '../../policy/parse-policy.ts'
import type { Policy } from '../../policy/policy.ts'
import type { ServedProtocol } from '../../gateway/tunnel-parts.ts'
import type { TargetConfig } from '../../gateway/target.ts'

/** How one test of the rules came out. */
export interface PolicyTestResult {
  readonly given: string
  readonly target: string
  readonly expected: string
  readonly verdict: string
  readonly rule: string
  readonly passed: boolean
}

/** Judges each example as a session would; a target that does not exist fails its test. */
export async function checkPolicy(
  tests: readonly PolicyTest[],
  policy: Policy,
  targets: readonly TargetConfig[],
  protocols: ReadonlyMap<string, Pick<ServedProtocol, 'engine'>>,
): Promise<PolicyTestResult[]> {
  return Promise.all(tests.map((test) => checkOne(test, policy, targets, protocols)))
}

async function checkOne(
  test: PolicyTest,
  policy: Policy,
  targets: readonly TargetConfig[],
  protocols: ReadonlyMap<string, Pick<ServedProtocol, 'engine'>>,
): Promise<PolicyTestResult> {
  const { given, expect, rule } = test
  const expected = rule === undefined ? expect : `${expect} by "${rule}"`
  const told = (verdict: string, by: string, passed: boolean): PolicyTestResult => ({
    given,
    target: test.target,
    expected,
    verdict,
    rule: by,
    passed,
  })
  const target = targets.find(({ name }) => name === test.target)
  const engine = target && protocols.get(target.type)?.engine
  if (target === undefined || engine === undefined) return told('no such target', '', false)
  const person: Person = { id: 'test', label: 'test', kind: test.kind, groups: test.groups }
  const { facts, refusal } = await engine.read(given, target)
  if (refusal !== undefined) return told('deny', 'always refused', expect === 'deny' && rule === undefined)
  const judgement = decideCommand(policy, person, target, {
    protocol: target.type,
    kind: 'statement',
    text: given,
    parameters: [],
    facts,
  })
  const by = judgement.rule ?? 'no rule'
  return told(judgement.type, by, judgement.type === expect && (rule === undefined || rule === by))
}
