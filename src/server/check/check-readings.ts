import type { Policy } from '../../policy/policy.ts'
import { matchesTarget } from '../../policy/match/target.ts'
import type { TargetConfig } from '../../gateway/target.ts'
import type { StatementReading } from '../../protocols/protocol.ts'
import { kindOf } from '../config/target-kind.ts'

export interface TargetReading extends StatementReading {
  readonly target: string
}

/** How statements are read on each target that masks columns: masking rests on it. */
export function checkReadings(targets: readonly TargetConfig[], { masking }: Policy): TargetReading[] {
  return targets.flatMap((target) => {
    const masks = masking.some((rule) => rule.columns.length > 0 && matchesTarget(rule.targets, target))
    const reading = masks ? kindOf(target).readingWhereMasked?.(target) : undefined
    return reading === undefined ? [] : [{ target: target.name, ...reading }]
  })
}
