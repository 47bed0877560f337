"""A core of SpiNNaker 1 in the Unicorn emulator: an ARM968 with its memories and its devices.

Addresses and registers are those of ``spinnaker.h`` in spinnaker_tools (commit 813bfef7). What is
not modelled: time (an instruction takes none, a transfer of the DMA neither), write buffers,
parity and framing errors, the watchdog, and the router's registers, which read as 0.
"""

from __future__ import annotations

import struct
from collections import deque
from typing import TYPE_CHECKING, Any

import unicorn
from unicorn import arm_const as arm

if TYPE_CHECKING:
    from board import Chip

ITCM, ITCM_SIZE = 0x0000_0000, 0x8000
DTCM, DTCM_SIZE = 0x0040_0000, 0x1_0000
SDRAM, SDRAM_SIZE, SDRAM_UNBUFFERED = 0x6000_0000, 0x0800_0000, 0x7000_0000
SYSRAM, SYSRAM_SIZE, SYSRAM_UNBUFFERED = 0xE500_0000, 0x8000, 0xF500_0000
VCPU, VCPU_SIZE = SYSRAM + 0x7000, 128
"""Blocks of 128 bytes, one for each core, that say what it does."""

STATES = {2: "ended by an error", 5: "done", 7: "running", 8: "waiting", 10: "paused", 11: "ended"}
DONE, RUNNING, WAITING, PAUSED, ENDED = 5, 7, 8, 10, 11

_SOFTWARE, _TIMER1, _CC_READY, _CC_EMPTY, _DMA_DONE, _CPU, _CC_MULTICAST = 1, 4, 6, 11, 12, 18, 24
"""Lines of the interrupt controller."""

_IRQ_MODE, _FIQ_MODE, _SUPERVISOR = 0x12, 0x11, 0x13
_NO_IRQ, _NO_FIQ, _THUMB = 0x80, 0x40, 0x20
_IRQ_VECTOR, _FIQ_VECTOR = 0x18, 0x1C
_PAYLOAD = 0x2_0000
_NOWHERE = 0xFFFF_FFF0
_PAGE = 0x1000

_COPY, _FILL, _EXECUTE = 2, 3, 4
"""Operations in the header of an ``.aplx`` file."""

_MOST_ROUNDS = 1_000_000


class Core:
    """One core of a chip, from 1 to 17; 0 is the monitor, which is not emulated."""

    def __init__(self, chip: Chip, number: int, counted: bool = False) -> None:
        self.chip, self.number = chip, number
        self._counted, self.instructions = counted, 0
        self.received: deque[tuple[int, int | None]] = deque()
        self.called = False
        self._reset()

    # Programs

    def load(self, image: bytes, app_id: int) -> None:
        """Load an ``.aplx`` file, and run it until it waits."""
        self._reset()
        at = 0
        while True:
            operation, first, second, third = struct.unpack_from("<4I", image, at)
            if operation == _COPY:
                self._uc.mem_write(first, image[at + second : at + second + third])
            elif operation == _FILL:
                self._uc.mem_write(first, struct.pack("<I", third) * (second // 4))
            elif operation == _EXECUTE:
                break
            else:
                raise ValueError(f"no .aplx file: operation {operation} at {at}")
            at += 16
        self._watch_masks()
        self._uc.reg_write(arm.UC_ARM_REG_CPSR, _NO_IRQ | _NO_FIQ | _SUPERVISOR)
        self._uc.reg_write(arm.UC_ARM_REG_R0, app_id)
        self._uc.reg_write(arm.UC_ARM_REG_PC, first)
        self.run()

    def run(self) -> None:
        """Go on until it waits for an interrupt, and there is none."""
        for _ in range(_MOST_ROUNDS):
            self._stopped = False
            status = self._uc.reg_read(arm.UC_ARM_REG_CPSR)
            start = self._uc.reg_read(arm.UC_ARM_REG_PC) | bool(status & _THUMB)
            self._uc.emu_start(start, _NOWHERE)
            status = self._uc.reg_read(arm.UC_ARM_REG_CPSR)
            mode = self._due(status)
            if mode:
                self._interrupt(status, mode)
            elif not self._stopped and not self._pending:
                return
        raise RuntimeError(f"core {self.number} does not wait")

    def tick(self) -> None:
        """The timer's interrupt, if it runs."""
        if self.timed:
            self._timer_raised = True
            self.run()

    def call(self) -> None:
        """The interrupt by which the monitor calls a core."""
        self.called = True
        self.run()

    def receive(self, key: int, payload: int | None) -> None:
        """A packet from the router."""
        self.received.append((key, payload))
        self.run()

    @property
    def timed(self) -> bool:
        """Whether its timer runs, and interrupts."""
        return self._timer[0x08] & 0xA0 == 0xA0

    @property
    def state(self) -> int:
        """What the core says that it does."""
        return int(self.chip.sysram.read(VCPU + VCPU_SIZE * self.number + 46, 1)[0])

    def expect(self, state: int) -> None:
        """Raise an error unless the core says that it does this."""
        if self.state != state:
            code = self.chip.sysram.read(VCPU + VCPU_SIZE * self.number + 44, 1)[0]
            raise RuntimeError(
                f"core {self.number} of chip {self.chip.place}: "
                f"{STATES.get(self.state, self.state)}, run-time error {code}; "
                f"it should be {STATES[state]}"
            )

    # Interrupts

    def _watch_masks(self) -> None:
        """Stop behind every instruction of the program that may let interrupts through."""
        code = bytes(self._uc.mem_read(ITCM, ITCM_SIZE))
        for at in range(0, ITCM_SIZE, 4):
            (word,) = struct.unpack_from("<I", code, at)
            if word & 0x0FF1_F000 == 0x0121_F000:  # msr cpsr_c..., register
                behind = ITCM + at + 4
                self._uc.hook_add(unicorn.UC_HOOK_CODE, self._unmasked, begin=behind, end=behind)

    def _count(self, uc: Any, address: int, size: int, data: Any) -> None:
        self.instructions += 1

    def _unmasked(self, uc: Any, address: int, size: int, data: Any) -> None:
        if self._due(uc.reg_read(arm.UC_ARM_REG_CPSR)):
            self._stopped = True
            uc.emu_stop()

    def _due(self, status: int) -> int:
        """The mode of an interrupt that is to be taken now, or 0."""
        pending = self._pending
        if pending & self._fast and not status & _NO_FIQ:
            return _FIQ_MODE
        if pending & ~self._fast and not status & _NO_IRQ:
            return _IRQ_MODE
        return 0

    def _interrupt(self, status: int, mode: int) -> None:
        fast = mode == _FIQ_MODE
        back = self._uc.reg_read(arm.UC_ARM_REG_PC) + 4
        masks = _NO_IRQ | (_NO_FIQ if fast else 0)
        self._uc.reg_write(arm.UC_ARM_REG_CPSR, status & ~0x3F | mode | masks)
        self._uc.reg_write(arm.UC_ARM_REG_SPSR, status)
        self._uc.reg_write(arm.UC_ARM_REG_LR, back)
        self._uc.reg_write(arm.UC_ARM_REG_PC, _FIQ_VECTOR if fast else _IRQ_VECTOR)

    @property
    def _raised(self) -> int:
        lines = self._software | 1 << _CC_EMPTY
        lines |= self._timer_raised << _TIMER1 | self._dma_done << _DMA_DONE | self.called << _CPU
        if self.received:
            lines |= 1 << _CC_MULTICAST | 1 << _CC_READY
        return lines

    @property
    def _pending(self) -> int:
        return self._raised & self._enabled

    # Memories and devices

    def _reset(self) -> None:
        self._uc = uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_ARM)
        uc.ctl_set_cpu_model(arm.UC_CPU_ARM_946)  # without caches, as an ARM968 is
        uc.mem_map(ITCM, ITCM_SIZE)
        uc.mem_map(DTCM, DTCM_SIZE)
        for memory, base in (
            (self.chip.sdram, SDRAM),
            (self.chip.sdram, SDRAM_UNBUFFERED),
            (self.chip.sysram, SYSRAM),
            (self.chip.sysram, SYSRAM_UNBUFFERED),
        ):
            uc.mem_map_ptr(base, memory.size, unicorn.UC_PROT_ALL, memory.address)
        for read, write, bases in (
            (self._read_packets, self._write_packets, (0x1000_0000, 0x2000_0000)),
            (self._read_timer, self._write_timer, (0x1100_0000, 0x2100_0000)),
            (self._read_vic, self._write_vic, (0x1F00_0000, 0x2F00_0000, 0xFFFF_F000)),
            (self._read_dma, self._write_dma, (0x3000_0000, 0x4000_0000)),
            (_read_zero, self._write_system, (0xE200_0000, 0xF200_0000)),
            (_read_zero, _write_nothing, (0xE100_0000, 0xF100_0000)),  # the router
        ):
            for base in bases:
                uc.mmio_map(base, _PAGE, read, None, write, None)
        if self._counted:  # every instruction is interrupted: some ten times slower
            uc.hook_add(unicorn.UC_HOOK_CODE, self._count)
        self._fast = self._enabled = self._software = 0
        self._vectors, self._controls, self._default_vector = [0] * 16, [0] * 16, 0
        self._timer = {0x00: 0, 0x08: 0}
        self._timer_raised = self._dma_done = self._stopped = False
        self._dma: dict[int, int] = {}
        self._send_control = self._send_payload = 0
        self.received.clear()
        self.called = False

    def _read_packets(self, uc: Any, offset: int, size: int, data: Any) -> int:
        """The communications controller."""
        if offset == 0x00:  # empty, and not full
            return self._send_control & 0x00FF_FFFF | 0x9000_0000
        if not self.received:
            return 0
        key, payload = self.received[0]
        if offset == 0x0C:
            return 0x8000_0000 | (0 if payload is None else _PAYLOAD)
        if offset == 0x10:
            return payload or 0
        if offset == 0x14:
            self.received.popleft()
            return key
        return 0

    def _write_packets(self, uc: Any, offset: int, size: int, value: int, data: Any) -> None:
        if offset == 0x00:
            self._send_control = value
        elif offset == 0x04:
            self._send_payload = value
        elif offset == 0x08:
            payload = self._send_payload if self._send_control & _PAYLOAD else None
            self.chip.send(self.number, value & 0xFFFF_FFFF, payload)

    def _read_timer(self, uc: Any, offset: int, size: int, data: Any) -> int:
        if offset == 0x04:  # it has just begun
            return self._timer[0x00]
        if offset in (0x10, 0x14):
            return int(self._timer_raised)
        return self._timer.get(offset, 0)

    def _write_timer(self, uc: Any, offset: int, size: int, value: int, data: Any) -> None:
        if offset == 0x0C:
            self._timer_raised = False
        else:
            self._timer[offset] = value & 0xFFFF_FFFF

    def _read_vic(self, uc: Any, offset: int, size: int, data: Any) -> int:
        """The vectored interrupt controller."""
        match offset:
            case 0x00:
                return self._pending & ~self._fast
            case 0x04:
                return self._pending & self._fast
            case 0x08:
                return self._raised
            case 0x0C:
                return self._fast
            case 0x10:
                return self._enabled
            case 0x30:
                return self._vector()
        if 0x100 <= offset < 0x140:
            return self._vectors[(offset - 0x100) // 4]
        if 0x200 <= offset < 0x240:
            return self._controls[(offset - 0x200) // 4]
        return 0

    def _vector(self) -> int:
        """Handler of the first slot whose line is raised."""
        slow = self._pending & ~self._fast
        for vector, control in zip(self._vectors, self._controls, strict=True):
            if control & 0x20 and slow >> (control & 31) & 1:
                return vector
        return self._default_vector

    def _write_vic(self, uc: Any, offset: int, size: int, value: int, data: Any) -> None:
        value &= 0xFFFF_FFFF
        match offset:
            case 0x0C:
                self._fast = value
            case 0x10:
                self._enabled |= value
            case 0x14:
                self._enabled &= ~value
            case 0x18:
                self._software |= value
            case 0x1C:
                self._software &= ~value
            case 0x34:
                self._default_vector = value
        if 0x100 <= offset < 0x140:
            self._vectors[(offset - 0x100) // 4] = value
        elif 0x200 <= offset < 0x240:
            self._controls[(offset - 0x200) // 4] = value

    def _read_dma(self, uc: Any, offset: int, size: int, data: Any) -> int:
        if offset == 0x14:  # idle; the highest byte is the core's number
            return self.number << 24 | self._dma_done << 10
        return self._dma.get(offset, 0)

    def _write_dma(self, uc: Any, offset: int, size: int, value: int, data: Any) -> None:
        """A transfer is done as soon as its description is written."""
        value &= 0xFFFF_FFFF
        self._dma[offset] = value
        if offset == 0x0C:
            ends = self._dma[0x04], self._dma[0x08]
            source, target = ends if not value >> 19 & 1 else ends[::-1]
            uc.mem_write(target, bytes(uc.mem_read(source, value & 0x1_FFFF)))
            self._dma_done = True
        elif offset == 0x10 and value & 0x8:
            self._dma_done = False

    def _write_system(self, uc: Any, offset: int, size: int, value: int, data: Any) -> None:
        """The system controller: only calls between the cores and the monitor."""
        if offset == 0x08 and value & 1:
            self.chip.answer(self.number)
        elif offset == 0x0C:
            self.chip.hang_up(value)


def _read_zero(uc: Any, offset: int, size: int, data: Any) -> int:
    return 0


def _write_nothing(uc: Any, offset: int, size: int, value: int, data: Any) -> None:
    pass
