/** What the scheduler knows of a back end, and what it is asked. Plain values: the scheduler does no I/O. */

export interface BackendState {
  /** `host@backend#pool` */
  readonly name: string
  readonly backendName: string
  readonly poolName: string
  readonly availabilityZone: string
  /** It answered when it was last asked. */
  readonly isUp: boolean
  /** No operator has disabled it. */
  readonly isEnabled: boolean
  readonly totalGiB: number
  readonly freeGiB: number
  /** Kept free of volumes, of the total. */
  readonly reservedPercentage: number
  /** The sizes of all volumes on it, whatever room they take so far. */
  readonly provisionedGiB: number
  readonly thinProvisioning: boolean
  readonly maxOverSubscriptionRatio: number
  readonly storageProtocol: string
}

export interface PlacementWish {
  readonly sizeGiB: number
  readonly availabilityZone: string
  readonly extraSpecs: Readonly<Record<string, string>>
  /** Back ends of the volumes that hints name. */
  readonly sameAs?: readonly string[]
  readonly differentFrom?: readonly string[]
  /** The only one that will do: a copy is made where its source is. */
  readonly pinnedTo?: string
}

/** What a volume type's extra specs are compared with, and what `get_pools` shows. */
export function capabilitiesOf(state: BackendState): Readonly<Record<string, string | number | boolean>> {
  return {
    volume_backend_name: state.backendName,
    pool_name: state.poolName,
    storage_protocol: state.storageProtocol,
    vendor_name: 'Stratolith',
    driver_version: '1.0',
    total_capacity_gb: state.totalGiB,
    free_capacity_gb: state.freeGiB,
    allocated_capacity_gb: state.provisionedGiB,
    provisioned_capacity_gb: state.provisionedGiB,
    reserved_percentage: state.reservedPercentage,
    max_over_subscription_ratio: String(state.maxOverSubscriptionRatio),
    thin_provisioning_support: state.thinProvisioning,
    thick_provisioning_support: !state.thinProvisioning,
    multiattach: true,
    online_extend_support: true,
    QoS_support: false,
    backend_state: state.isUp ? 'up' : 'down',
  }
}
