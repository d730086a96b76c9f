import type { Target } from '../command.ts'
import type { TargetSelector } from '../policy.ts'

export function matchesTarget(selector: TargetSelector, target: Target): boolean {
  if (selector.names !== undefined && !selector.names.includes(target.name)) return false
  return Object.entries(selector.labels ?? {}).every(([label, value]) => target.labels[label] === value)
}
