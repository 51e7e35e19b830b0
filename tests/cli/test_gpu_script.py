# SPDX-License-Identifier: Apache-2.0
"""script/gpu: what it finds on a machine that is made up of a few files, and what it says where something is missing."""
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Machine:
    def __init__(self, path):
        self.root, self.bin = path / "root", path / "bin"
        self.bin.mkdir(parents=True)
        for name in ("bash", "grep", "env"):
            (self.bin / name).symlink_to(shutil.which(name))

    def has(self, *paths):
        for path in paths:
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).touch()

    def program(self, place, text="#!/bin/sh\n"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(0o755)

    def ask(self, **env):
        done = subprocess.run(["bash", str(ROOT / "script" / "gpu")], capture_output=True, text=True,
                              env={"PATH": str(self.bin), "ASSAY_GPU_ROOT": str(self.root), **env})
        return done.returncode, done.stdout.strip(), done.stderr


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_no_gpu_is_nothing_to_say(machine):
    assert machine.ask() == (0, "", "")


def test_nvidia_without_its_compiler_names_what_is_missing_and_goes_on(machine):
    machine.has("dev/nvidia0")
    code, flags, said = machine.ask()
    assert (code, flags) == (0, "") and "nvcc" in said and "building for the processor" in said


def test_nvidia_is_built_for_the_card_at_hand(machine):
    machine.has("dev/nvidia0")
    machine.program(machine.root / "usr/local/cuda/bin/nvcc")
    code, flags, said = machine.ask()
    assert code == 0 and said == ""
    assert "-DGGML_CUDA=ON" in flags and "-DCMAKE_CUDA_ARCHITECTURES=native" in flags
    assert f"-DCMAKE_CUDA_COMPILER={machine.root}/usr/local/cuda/bin/nvcc" in flags
    assert machine.ask(ASSAY_GPU="off") == (0, "", "")


def test_a_backend_that_is_asked_for_is_built_without_its_gpu(machine):
    machine.program(machine.bin / "nvcc")
    assert "-DCMAKE_CUDA_ARCHITECTURES=all-major" in machine.ask(ASSAY_GPU="cuda")[1]
    assert "hipcc" in machine.ask(ASSAY_GPU="hip")[2]
    assert machine.ask(ASSAY_GPU="toaster")[0] == 2


def test_amd_is_built_with_rocm(machine):
    machine.has("dev/kfd")
    assert "hipcc" in machine.ask()[2]
    machine.program(machine.root / "opt/rocm/bin/hipcc")
    machine.program(machine.root / "opt/rocm/bin/hipconfig", '#!/bin/sh\n[ "$1" = -l ] && echo /rocm/llvm/bin || echo /rocm\n')
    assert machine.ask()[1] == "-DGGML_HIP=ON -DCMAKE_HIP_COMPILER=/rocm/llvm/bin/clang++ -DCMAKE_PREFIX_PATH=/rocm"


def test_vulkan_drives_what_is_left_but_no_processor(machine):
    machine.has("dev/dri/renderD128")
    said = machine.ask()
    assert said[:2] == (0, "") and "glslc" in said[2]
    machine.program(machine.bin / "vulkaninfo", "#!/bin/sh\necho '    deviceType = PHYSICAL_DEVICE_TYPE_CPU'\n")
    machine.program(machine.bin / "glslc")
    machine.has("usr/include/vulkan/vulkan.h", "usr/share/cmake/SPIRV-Headers/SPIRV-HeadersConfig.cmake")
    assert machine.ask()[1] == ""
    machine.program(machine.bin / "vulkaninfo", "#!/bin/sh\necho '    deviceType         = PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU'\n")
    assert machine.ask()[1] == "-DGGML_VULKAN=ON"
    os.remove(machine.bin / "glslc")
    assert "libvulkan-dev" in machine.ask()[2]
