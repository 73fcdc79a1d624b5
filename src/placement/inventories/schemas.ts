/** Shapes of the inventory calls. Source: placement/schemas/inventory.py */
import Type from 'typebox'
import { className, generation, MAX_INT } from '../shapes.ts'

const count = (minimum: number) => Type.Integer({ minimum, maximum: MAX_INT })

const record = {
  total: count(1),
  reserved: Type.Optional(count(0)),
  min_unit: Type.Optional(count(1)),
  max_unit: Type.Optional(count(1)),
  step_size: Type.Optional(count(1)),
  allocation_ratio: Type.Optional(Type.Number({ maximum: 3.402_82e38 })),
}

export const InventoryBody = Type.Object(
  { ...record, resource_provider_generation: generation },
  { additionalProperties: false },
)
export const InventoryAddBody = Type.Object(
  { ...record, resource_provider_generation: Type.Optional(generation), resource_class: className },
  { additionalProperties: false },
)
export const InventoriesBody = Type.Object(
  {
    resource_provider_generation: generation,
    inventories: Type.Record(
      className,
      Type.Object(
        { ...record, resource_provider_generation: Type.Optional(generation) },
        { additionalProperties: false },
      ),
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
)
