import { join } from 'node:path'

/**
 * Where files of one profile are that programs are pointed to: two gateways may have a target of one name, and two people of one gateway see other
 * targets. `default` has pamctl's own directory. Of another name only letters and digits are in the path as they are.
 */
export const profileDirectory = (home: string, profile: string): string =>
  profile === 'default' ? home : join(home, 'profiles', profile.replaceAll(/[^A-Za-z0-9-]/g, spelled))

const spelled = (char: string): string => `_${char.charCodeAt(0).toString(16)}_`
