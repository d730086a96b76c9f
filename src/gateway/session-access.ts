import type { Grant } from '../access/grant.ts'
import type { Login } from '../identity/login.ts'
import { decideAccess, decideBreakGlass } from '../policy/decide.ts'
import { liftedPolicy } from '../policy/lifted.ts'
import type { AccessRule, Policy } from '../policy/policy.ts'
import { PamError } from '../shared/errors.ts'
import { accessRuleNow } from './keeps-access.ts'
import type { SessionRegistry } from './session-registry.ts'
import type { TargetConfig } from './target.ts'
import type { TunnelParts, TunnelSettings, Wanted } from './tunnel-parts.ts'

/** The rule that gives access, and the grant under it: of an emergency while there is one, else of daily work. */
export async function accessTo(
  { login: { person }, target }: Wanted,
  { state, clock, settings }: TunnelParts,
): Promise<{ readonly rule: AccessRule; readonly grant: Grant }> {
  const taken = await state.breakGlassFor(person.id, target.name, clock.now())
  const { policy } = settings()
  const broken = taken && decideBreakGlass(policy, person, target, taken.rule)
  if (taken !== undefined && broken !== undefined) return { rule: broken, grant: taken }
  const rule = decideAccess(policy, person, target)
  if (rule !== undefined) return { rule, grant: await state.grantFor(person, target, rule, clock.now()) }
  if (decideBreakGlass(policy, person, target) === undefined)
    throw new PamError('NO_ACCESS', `no access rule grants you ${target.name}`)
  throw new PamError('NO_GRANT', `you have access to ${target.name} only in an emergency`, {
    hint: `reviewers, auditors and operators are told, and it is reviewed: pamctl breakglass start ${target.name} --reason "…"`,
  })
}

/** Throws where the person has too many sessions. */
export function limitSessions({ person }: Login, { limits }: TunnelSettings, registry: SessionRegistry): void {
  const { live, ending } = registry.countOf(person.id)
  if (live >= limits.sessionsPerPerson) {
    throw new PamError('RATE_LIMITED', `you have ${limits.sessionsPerPerson} sessions open already`, {
      hint: 'close one of them first',
    })
  }
  // With a slow disk, records of sessions that one person opens and leaves would pile up.
  if (ending >= limits.sessionsPerPerson) {
    throw new PamError('RATE_LIMITED', `${ending} of your sessions have ended and are still being put on record`, {
      hint: 'connect again in a moment',
    })
  }
}

/** The rule of a grant that was taken in an emergency. */
export const breakGlassRule = ({ rule, breakGlass }: Grant): string | undefined =>
  breakGlass === undefined ? undefined : rule

/** The rules in force, as a session under this grant has them. */
export function policyUnder(grant: Grant, { person }: Login, target: TargetConfig, rules: TunnelSettings): Policy {
  const breakGlass = breakGlassRule(grant)
  if (breakGlass === undefined) return rules.policy
  return liftedPolicy(rules.policy, accessRuleNow({ target: target.name, breakGlass }, person, rules))
}
