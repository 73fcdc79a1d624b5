/** The scheduler's front door within compute. */
export { demandOf, type Demand, type DemandOf } from './demand.ts'
export { explain } from './explain.ts'
export { rankHosts } from './rank-hosts.ts'
export * from './types.ts'
export { DEFAULT_MULTIPLIERS } from './weighers.ts'
