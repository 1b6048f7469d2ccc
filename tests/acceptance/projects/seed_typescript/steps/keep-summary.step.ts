import { EventConfig, Handlers } from 'motia';

export const config: EventConfig = { name: 'KeepSummary', type: 'event', subscribes: ['summary.generated'], emits: [] };

export const handler: Handlers['KeepSummary'] = async (input, { state, traceId }) => {
  await state.set('summaries', traceId, { same: input.trace === traceId })
};
