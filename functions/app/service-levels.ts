export { OBJECTIVES, type ServiceLevels, SWEEP_LATE_MS, serviceLevels } from '../core/service-levels.ts';
